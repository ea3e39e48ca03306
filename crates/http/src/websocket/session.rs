//! The protocol itself, without a socket: what each message of a client leads to.
//!
//! ```text
//!   Opened ──connection_init──▶ Acknowledged ──subscribe──▶ running: id → serial
//!     │ subscribe: 4401              │ connection_init: 4429      │ same id again: 4409
//!     │ silence:   4408              │                            │ complete, or the end: id is free again
//! ```
//!
//! A serial tells two operations apart that a client gave the same id one after the other, so that a late result of
//! the first is never taken for one of the second.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{close::Close, message::ClientMessage};

pub(crate) type Serial = u64;

/// What is to be done.
#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    Nothing,
    /// Ask the gate, then acknowledge or close.
    Connect(Option<Map<String, Value>>),
    Pong(Option<Map<String, Value>>),
    Start {
        id: String,
        serial: Serial,
        payload: Map<String, Value>,
    },
    /// The connection runs as many operations as it may.
    Refuse {
        id: String,
    },
    Stop(Serial),
    Close(Close),
}

#[derive(Debug)]
pub(crate) struct Session {
    acknowledged: bool,
    running: HashMap<String, Serial>,
    next_serial: Serial,
    max_operations: usize,
}

impl Session {
    pub fn new(max_operations: usize) -> Self {
        Self { acknowledged: false, running: HashMap::new(), next_serial: 0, max_operations }
    }

    pub fn step(&mut self, message: ClientMessage) -> Step {
        match message {
            ClientMessage::Init(_) if self.acknowledged => Step::Close(Close::too_many_inits()),
            ClientMessage::Init(payload) => {
                self.acknowledged = true;
                Step::Connect(payload)
            }
            ClientMessage::Ping(payload) => Step::Pong(payload),
            ClientMessage::Pong => Step::Nothing,
            ClientMessage::Subscribe { .. } if !self.acknowledged => Step::Close(Close::unauthorized()),
            ClientMessage::Subscribe { id, .. } if self.running.contains_key(&id) => {
                Step::Close(Close::already_exists(&id))
            }
            ClientMessage::Subscribe { id, .. } if self.running.len() >= self.max_operations => {
                Step::Refuse { id }
            }
            ClientMessage::Subscribe { id, payload } => {
                let serial = self.next_serial;
                self.next_serial += 1;
                self.running.insert(id.clone(), serial);
                Step::Start { id, serial, payload }
            }
            // The operation may have ended while this was on its way: then there is nothing to stop.
            ClientMessage::Complete { id } => self.running.remove(&id).map_or(Step::Nothing, Step::Stop),
        }
    }

    pub fn is_acknowledged(&self) -> bool {
        self.acknowledged
    }

    /// Whether a result of this operation may still be sent.
    pub fn is_running(&self, id: &str, serial: Serial) -> bool {
        self.running.get(id) == Some(&serial)
    }

    /// Frees the id of an operation that has ended.
    pub fn end(&mut self, id: &str) {
        self.running.remove(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscribe(id: &str) -> ClientMessage {
        ClientMessage::Subscribe { id: id.to_owned(), payload: Map::new() }
    }

    fn code(step: Step) -> u16 {
        let Step::Close(close) = step else { panic!("{step:?} does not close") };
        close.code
    }

    fn acknowledged() -> Session {
        let mut session = Session::new(2);
        assert_eq!(session.step(ClientMessage::Init(None)), Step::Connect(None));
        session
    }

    #[test]
    fn a_subscription_before_the_acknowledgement_is_unauthorized() {
        assert_eq!(code(Session::new(2).step(subscribe("1"))), 4401);
    }

    #[test]
    fn a_second_init_is_one_too_many() {
        assert_eq!(code(acknowledged().step(ClientMessage::Init(None))), 4429);
    }

    #[test]
    fn an_id_is_unique_while_its_operation_runs_and_free_afterwards() {
        let mut session = acknowledged();
        assert!(matches!(session.step(subscribe("1")), Step::Start { serial: 0, .. }));
        assert_eq!(code(session.step(subscribe("1"))), 4409);
        assert_eq!(session.step(ClientMessage::Complete { id: "1".into() }), Step::Stop(0));
        assert!(matches!(session.step(subscribe("1")), Step::Start { serial: 1, .. }));
        assert!(!session.is_running("1", 0) && session.is_running("1", 1));
        assert_eq!(session.step(ClientMessage::Complete { id: "9".into() }), Step::Nothing);
    }

    #[test]
    fn an_operation_too_many_is_refused_and_the_socket_stays_open() {
        let mut session = acknowledged();
        session.step(subscribe("1"));
        session.step(subscribe("2"));
        assert_eq!(session.step(subscribe("3")), Step::Refuse { id: "3".into() });
        session.end("1");
        assert!(matches!(session.step(subscribe("3")), Step::Start { .. }));
    }
}
