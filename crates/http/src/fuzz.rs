//! Whatever outsiders may send, thrown at each parser that reads it: none panics, and what they let through is what they
//! should. `make fuzz` goes on for as long as one likes, with new cases each time.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use proptest::{collection::vec, prelude::*};
use serde_json::{Map, Value, json};

use crate::{
    documents::{Hash, Reference},
    graphql::{Accepted, body, from_body, from_map, from_uri},
    hosts::{HostPattern, Hosts},
    origins,
    request_id::RequestId,
    websocket::{ClientMessage, Session, Step},
};

/// JSON of any shape, with the words that mean something here.
fn any_json() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just("1"),
        Just("{ a }"),
        Just("query"),
        Just("connection_init"),
        Just("subscribe"),
        Just("complete"),
        Just("ping"),
        Just(""),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..3_i64).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 20, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((key(), inner), 0..4).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    const KNOWN: [&str; 11] = [
        "query",
        "operationName",
        "variables",
        "extensions",
        "documentId",
        "persistedQuery",
        "version",
        "sha256Hash",
        "type",
        "id",
        "payload",
    ];
    prop_oneof![8 => prop::sample::select(&KNOWN[..]).prop_map(str::to_owned), 1 => "\\PC{0,8}"]
}

fn any_object() -> impl Strategy<Value = Map<String, Value>> {
    vec((key(), any_json()), 0..6).prop_map(|fields| fields.into_iter().collect())
}

/// A header's value of the letters that separate parts of one, and some others.
fn any_header() -> impl Strategy<Value = HeaderValue> {
    let part = prop_oneof![
        Just("application/json"),
        Just("text/event-stream"),
        Just("*/*"),
        Just("application/*"),
        Just("charset"),
        Just("utf-8"),
        Just("q"),
        Just("="),
        Just(";"),
        Just(","),
        Just("0.5"),
        Just("\""),
        Just(" "),
    ];
    let known = vec(part, 0..10).prop_map(|parts| parts.concat().into_bytes());
    let bytes = vec(any::<u8>(), 0..40);
    prop_oneof![known, bytes].prop_filter_map("no header", |bytes| HeaderValue::from_bytes(&bytes).ok())
}

/// Something like a host.
fn any_host() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("localhost"),
        Just("127.0.0.1"),
        Just("[::1]"),
        Just("[::ffff:127.0.0.1]"),
        Just("evil"),
        Just("example"),
        Just("."),
        Just(":"),
        Just("80"),
        Just("@"),
        Just("*"),
        Just("["),
        Just("]"),
        Just("%"),
        Just("/"),
        Just(" "),
        Just("\t"),
        Just("0x7f"),
        Just("é"),
    ];
    vec(part, 0..6).prop_map(|parts| parts.concat())
}

fn with(name: HeaderName, value: HeaderValue) -> HeaderMap {
    HeaderMap::from_iter([(name, value)])
}

proptest! {
    #[test]
    fn fuzz_parameters(parameters in any_object()) {
        let body = Value::Object(parameters.clone()).to_string();
        let by_body = from_body(body.as_bytes());
        if let Ok(sent) = &by_body {
            prop_assert!(sent.has_query || sent.reference.is_some());
            prop_assert!(sent.has_query || sent.request.query.is_empty());
        }
        prop_assert_eq!(by_body.is_ok(), from_map(parameters).is_ok());
    }

    #[test]
    fn fuzz_bodies(body in vec(any::<u8>(), 0..200), cut in any_object(), at in any::<prop::sample::Index>()) {
        let _ = from_body(&body);
        let text = Value::Object(cut).to_string();
        let _ = from_body(&text.as_bytes()[..at.index(text.len())]);
    }

    #[test]
    fn fuzz_query_strings(query in "(query|variables|extensions|documentId|[!-~]{0,3}|[=&%{}\"]){0,12}") {
        if let Ok(uri) = format!("/graphql?{query}").parse::<Uri>()
            && let Ok(sent) = from_uri(&uri)
        {
            prop_assert!(sent.has_query || sent.reference.is_some());
        }
    }

    #[test]
    fn fuzz_accept(value in any_header()) {
        let accepted = Accepted::of(&with(header::ACCEPT, value));
        prop_assert!(!accepted.prefers_stream || accepted.stream);
    }

    #[test]
    fn fuzz_content_type(value in any_header()) {
        if body::check_type(&with(header::CONTENT_TYPE, value.clone())).is_ok() {
            let kind = value.to_str().expect("it was read").trim_start().to_ascii_lowercase();
            prop_assert!(kind.starts_with("application/json"), "{}", kind);
        }
    }

    #[test]
    fn fuzz_hosts(host in any_host()) {
        let hosts = Hosts { allowed: Vec::new(), probes: &[] };
        let Ok(value) = HeaderValue::from_str(&host) else { return Ok(()) };
        if hosts.check(&with(header::HOST, value), &Uri::from_static("/graphql"), None).is_ok() {
            // What is let in names this machine, whoever reads it: nothing before the name, nothing but a port after it.
            let loopback = ["localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]"];
            let rest = loopback.iter().find_map(|name| host.strip_prefix(name));
            prop_assert!(rest.is_some_and(|rest| [".", ":", ""].iter().any(|end| rest.starts_with(end))), "{}", host);
            prop_assert!(!host.contains("evil") && !host.contains('@'), "{}", host);
        }
    }

    #[test]
    fn fuzz_host_patterns(text in any_host()) {
        if let Ok(pattern) = text.parse::<HostPattern>() {
            let written = pattern.to_string();
            prop_assert_eq!(written.parse(), Ok(pattern), "{} from {}", written, text);
        }
    }

    #[test]
    fn fuzz_origins(origin in any_host(), host in any_host(), scheme in "(https?://|null)?") {
        let (Ok(origin), Ok(host)) =
            (HeaderValue::from_str(&format!("{scheme}{origin}")), HeaderValue::from_str(&host)) else { return Ok(()) };
        let mut headers = with(header::ORIGIN, origin.clone());
        headers.insert(header::HOST, host.clone());
        if origins::is_allowed(&headers, &[]) {
            let (origin, host) = (origin.to_str().expect("it was read"), host.to_str().expect("it was read"));
            let authority = origin.split_once("://").expect("a scheme").1;
            let plain = |text: &str| text.trim_end_matches(":80").trim_end_matches(":443").to_ascii_lowercase();
            prop_assert_eq!(plain(authority), plain(host));
        }
    }

    #[test]
    fn fuzz_hashes(text in "[0-9a-fA-F+é]{60,66}|\\PC{0,70}") {
        if let Some(hash) = Hash::read(&text) {
            prop_assert_eq!(hash.to_string(), text.to_ascii_lowercase());
        }
        let _ = Reference::Id(format!("sha256:{text}")).hash();
    }

    #[test]
    fn fuzz_request_ids(value in any_header()) {
        let id = RequestId::of(&with(crate::request_id::HEADER, value));
        prop_assert!(!id.as_str().is_empty() && id.as_str().len() <= 128);
        prop_assert!(id.as_str().chars().all(|c| c.is_ascii_graphic()));
    }

    #[test]
    fn fuzz_websocket_messages(messages in vec(any_object(), 1..30), max in 0..4_usize) {
        let mut session = Session::new(max);
        let mut running = 0_usize;
        for message in messages {
            let Ok(message) = ClientMessage::read(&Value::Object(message).to_string()) else { continue };
            match session.step(message) {
                Step::Start { .. } => running += 1,
                Step::Stop(_) => running -= 1,
                Step::Close(_) => break,
                _ => {}
            }
            prop_assert!(running <= max, "{} operations of {}", running, max);
        }
    }

    #[test]
    fn fuzz_websocket_texts(text in "\\PC{0,80}|(\\[|\\{\"a\":){0,300}") {
        let _ = ClientMessage::read(&text);
    }
}

/// Otherwise the session is hardly ever reached.
#[test]
fn the_fuzzers_words_make_messages() {
    let message = json!({ "type": "subscribe", "id": "1", "payload": { "query": "{ a }" } });
    assert!(matches!(ClientMessage::read(&message.to_string()), Ok(ClientMessage::Subscribe { .. })));
}
