use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use tower::service_fn;

use super::*;

/// Answers each question with the next of its answers, and with the last one from then on.
#[derive(Debug)]
struct Script(Mutex<VecDeque<Vec<IpAddr>>>);

impl Script {
    fn of(answers: &[&[&str]]) -> Arc<Self> {
        let parsed = |answer: &&[&str]| answer.iter().map(|address| address.parse().unwrap()).collect();
        Arc::new(Self(Mutex::new(answers.iter().map(parsed).collect())))
    }
}

impl Resolve for Script {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        Box::pin(std::future::ready(Ok(answer.unwrap_or_default())))
    }
}

/// Where a connector would have connected to; it fails at the first `failures` of them.
async fn connected(guard: &Guard, url: &str, failures: usize) -> (Vec<String>, Result<(), BoxError>) {
    let tried = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&tried);
    let connector = service_fn(move |uri: Uri| {
        let mut seen = seen.lock().unwrap();
        seen.push(uri.authority().unwrap().to_string());
        let outcome = if seen.len() > failures { Ok(()) } else { Err(io::Error::other("refused")) };
        std::future::ready(outcome)
    });
    let guarded = Guarded::new(connector, Some(guard.clone()), Duration::from_secs(5));
    let outcome = guarded.oneshot(url.parse().unwrap()).await;
    let tried = tried.lock().unwrap().clone();
    (tried, outcome)
}

fn refusal(outcome: Result<(), BoxError>) -> Refused {
    *outcome.unwrap_err().downcast_ref().unwrap()
}

#[tokio::test]
async fn the_address_that_was_judged_is_the_one_that_is_connected_to() {
    let guard = Guard::with_resolver(AddressRules::default(), Script::of(&[&["10.0.0.7"], &["127.0.0.1"]]));
    let (tried, outcome) = connected(&guard, "https://api.example:6443", 0).await;
    outcome.unwrap();
    assert_eq!(tried, ["10.0.0.7:6443"]);

    let (tried, outcome) = connected(&guard, "https://api.example:6443", 0).await;
    assert_eq!(refusal(outcome), Refused::Address, "the name leads elsewhere now");
    assert!(tried.is_empty(), "{tried:?}");
}

#[tokio::test]
async fn of_several_addresses_only_allowed_ones_are_tried_each_in_turn() {
    let guard = Guard::with_resolver(
        AddressRules::default(),
        Script::of(&[&["169.254.169.254", "10.0.0.1", "::ffff:127.0.0.1", "fd12::2"]]),
    );
    let (tried, outcome) = connected(&guard, "https://api.example", 1).await;
    outcome.unwrap();
    assert_eq!(tried, ["10.0.0.1:443", "[fd12::2]:443"]);
}

#[tokio::test]
async fn addresses_in_the_url_are_judged_in_every_notation() {
    let guard = Guard::default();
    for url in [
        "https://127.0.0.1",
        "https://[::1]:6443",
        "https://[::ffff:127.0.0.1]",
        "https://[::ffff:a9fe:a9fe]",
        "https://169.254.169.254",
        "https://0.0.0.0:8443",
    ] {
        assert_eq!(guard.check(&url.parse().unwrap()), Err(Refused::Address), "{url}");
        let (tried, outcome) = connected(&guard, url, 0).await;
        assert_eq!(refusal(outcome), Refused::Address, "{url}");
        assert!(tried.is_empty());
    }
    // What the system's resolver takes for addresses too.
    for url in ["https://2130706433", "https://0x7f000001", "https://127.1", "https://localhost"] {
        let (tried, outcome) = connected(&guard, url, 0).await;
        assert!(matches!(refusal(outcome), Refused::Address | Refused::Unknown), "{url}");
        assert!(tried.is_empty());
    }
}

#[tokio::test]
async fn other_ports_and_plain_http_are_refused() {
    let guard = Guard::default();
    let check = |url: &str| guard.check(&url.parse().unwrap());
    assert_eq!(check("https://10.0.0.1:22"), Err(Refused::Port(22)));
    assert_eq!(check("http://10.0.0.1:6443"), Err(Refused::NotHttps));
    assert_eq!(check("https://10.0.0.1"), Ok(()));
    let (tried, outcome) = connected(&guard, "https://10.0.0.1:2379", 0).await;
    assert_eq!(refusal(outcome), Refused::Port(2379));
    assert!(tried.is_empty());
}

#[tokio::test]
async fn a_name_without_addresses_is_unknown() {
    let guard = Guard::with_resolver(AddressRules::default(), Script::of(&[&[]]));
    let (_, outcome) = connected(&guard, "https://nowhere.example", 0).await;
    assert_eq!(refusal(outcome), Refused::Unknown);
}
