//! Why a socket is closed: the codes of `graphql-transport-ws` and those of RFC 6455 that it leaves in place.

use axum::extract::ws::{CloseFrame, Utf8Bytes};
use fleetgraph_core::{Error, ErrorCode};

/// A close frame's payload is at most 125 bytes, two of which are the code (RFC 6455, 5.5).
const MAX_REASON: usize = 123;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Close {
    pub code: u16,
    pub reason: String,
}

impl Close {
    fn new(code: u16, reason: impl Into<String>) -> Self {
        let mut reason = reason.into();
        reason.truncate(reason.floor_char_boundary(MAX_REASON));
        Self { code, reason }
    }

    /// The caller is not let in, or no longer; or it can't be told now, and then clients may try again.
    pub fn refused(error: Error) -> Self {
        match error.code {
            ErrorCode::Unauthenticated | ErrorCode::Forbidden => Self::forbidden(error.message),
            _ => Self::new(1013, error.message),
        }
    }

    pub fn going_away() -> Self {
        Self::new(1001, "the server is shutting down; connect again")
    }

    /// The frames themselves break RFC 6455.
    pub fn protocol_error() -> Self {
        Self::new(1002, "the frames are not those of a WebSocket")
    }

    pub fn too_big(max_bytes: usize) -> Self {
        Self::new(1009, format!("a message may have {max_bytes} bytes at most"))
    }

    pub fn bad_request(why: impl Into<String>) -> Self {
        Self::new(4400, why)
    }

    pub fn unauthorized() -> Self {
        Self::new(4401, "Unauthorized: send connection_init and wait for connection_ack first")
    }

    fn forbidden(why: impl Into<String>) -> Self {
        Self::new(4403, why)
    }

    pub fn subprotocol() -> Self {
        Self::new(4406, "Subprotocol not acceptable: only graphql-transport-ws is spoken")
    }

    pub fn init_timeout() -> Self {
        Self::new(4408, "Connection initialisation timeout")
    }

    pub fn already_exists(id: &str) -> Self {
        Self::new(4409, format!("Subscriber for {id} already exists"))
    }

    pub fn too_many_inits() -> Self {
        Self::new(4429, "Too many initialisation requests")
    }

    pub fn frame(&self) -> CloseFrame {
        CloseFrame { code: self.code, reason: Utf8Bytes::from(self.reason.as_str()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_always_fits_a_close_frame_and_is_cut_between_characters() {
        let close = Close::already_exists(&"ü".repeat(200));
        assert!(close.reason.len() <= MAX_REASON);
        assert!(close.reason.ends_with('ü'));
    }
}
