//! Reads a request's body within its bounds of length, time and type.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use fleetgraph_core::ErrorCode;
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;

use super::media::is_utf8;
use crate::failure::Failure;

/// Only `application/json` is read. A browser sends it across origins after a preflight only, which fails here for
/// want of CORS headers; form bodies and `text/plain` it would send unasked, and with them a forged mutation.
pub(crate) fn check_type(headers: &HeaderMap) -> Result<(), Failure> {
    let refuse = |message: &'static str| Err(Failure::new(ErrorCode::UnsupportedMediaType, message));
    let Some(value) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return refuse("a POST needs the header content-type: application/json");
    };
    let mut pieces = value.split(';').map(str::trim);
    if !pieces.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
        return refuse("only a body of content-type application/json is accepted");
    }
    for (name, value) in pieces.filter_map(|parameter| parameter.split_once('=')) {
        if name.trim().eq_ignore_ascii_case("charset") && !is_utf8(value) {
            return refuse("only the charset utf-8 is accepted");
        }
    }
    match headers.get(header::CONTENT_ENCODING).map(|value| value.as_bytes()) {
        None | Some(b"identity") => Ok(()),
        Some(_) => refuse("a compressed body is not accepted"),
    }
}

/// Reads the whole body. Nothing longer than `max_bytes` is ever held.
pub(crate) async fn read(body: Body, max_bytes: usize, within: Duration) -> Result<Bytes, Failure> {
    let reading = async {
        let mut body = body;
        let mut whole = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else {
                return Err(Failure::bad_request("the body ended before it was complete"));
            };
            let Ok(chunk) = frame.into_data() else { continue };
            if whole.len().saturating_add(chunk.len()) > max_bytes {
                return Err(too_large(max_bytes));
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    };
    tokio::time::timeout(within, reading).await.unwrap_or_else(|_| {
        let message = format!("the body was not complete within {} ms", within.as_millis());
        Err(Failure::new(ErrorCode::Timeout, message).with_status(StatusCode::REQUEST_TIMEOUT))
    })
}

/// Refuses by the announced length, before a byte of the body is read.
pub(crate) fn check_length(headers: &HeaderMap, max_bytes: usize) -> Result<(), Failure> {
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<u64>().ok());
    match announced {
        Some(length) if length > max_bytes as u64 => Err(too_large(max_bytes)),
        _ => Ok(()),
    }
}

fn too_large(max_bytes: usize) -> Failure {
    Failure::new(ErrorCode::PayloadTooLarge, format!("the body may have {max_bytes} bytes at most"))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of_type(value: &'static str) -> Result<(), Failure> {
        check_type(&HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(value))]))
    }

    #[test]
    fn json_in_utf8_is_accepted_however_it_is_spelt() {
        for value in
            ["application/json", "Application/JSON; Charset=\"UTF-8\"", "application/json;charset=utf-8"]
        {
            assert_eq!(of_type(value), Ok(()), "{value}");
        }
    }

    #[test]
    fn what_a_browser_sends_without_preflight_is_refused() {
        for value in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
            assert_eq!(of_type(value).unwrap_err().status, 415, "{value}");
        }
        assert_eq!(check_type(&HeaderMap::new()).unwrap_err().status, 415);
        assert_eq!(of_type("application/json; charset=latin1").unwrap_err().status, 415);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_gets_408_and_one_that_is_too_long_413() {
        let silent = Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>());
        assert_eq!(read(silent, 10, Duration::from_secs(5)).await.unwrap_err().status, 408);
        let long = Body::from(vec![b' '; 11]);
        assert_eq!(read(long, 10, Duration::from_secs(5)).await.unwrap_err().status, 413);
        assert_eq!(read(Body::from("0123456789"), 10, Duration::from_secs(5)).await.unwrap().len(), 10);
    }
}
