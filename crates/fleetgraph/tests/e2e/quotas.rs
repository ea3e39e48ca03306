//! Quotas of callers and tenants, with the real program: what is told to whoever is over one, by each transport, that it
//! is true, and that nobody else notices.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures::future::join_all;
use serde_json::Value;

use crate::{
    bed::PATIENCE,
    client::Subscription,
    kept::{Answer, Kept, ask, data, stream},
    server::Server,
};

const SMALL: &str = "{ viewer { user } }";
const EVENTS: &str = "subscription { podEvents { type } }";
const NEW: &str = "application/graphql-response+json";
const OLD: &str = "application/json";
const SSE: &str = "text/event-stream";

/// What is told of a quota, whichever way it comes.
fn seconds(error: &Value) -> u64 {
    let extensions = &error["extensions"];
    assert_eq!(extensions["code"], "RATE_LIMITED", "{error}");
    assert!(extensions["requestId"].is_string(), "{error}");
    let seconds = extensions["retryAfterSeconds"].as_u64().unwrap_or_else(|| panic!("no time in {error}"));
    let message = error["message"].as_str().unwrap();
    assert!(seconds > 0 && message.ends_with(&format!("try again in {seconds} s")), "{error}");
    seconds
}

/// What an answer says that was refused by a quota.
fn refused(answer: &Answer) -> u64 {
    assert_eq!(answer.status, 429, "{}\n{}", answer.head, answer.body);
    assert!(answer.body.get("data").is_none(), "nothing was executed: {}", answer.body);
    let seconds = seconds(answer.error());
    assert_eq!(answer.retry_after(), Some(seconds), "{}", answer.head);
    seconds
}

/// Asks many times at once: what was answered, and what was refused.
async fn flood(server: &Server, token: &str, accept: &str) -> (usize, Vec<Answer>) {
    let answers = join_all((0..60).map(|_| ask(server, token, accept, SMALL))).await;
    let (fine, over): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    (fine.len(), over)
}

/// Somebody who asks now and then, for as long as this is kept, and is answered each time.
struct Undisturbed {
    stop: Arc<AtomicBool>,
    asking: tokio::task::JoinHandle<u32>,
}

impl Undisturbed {
    fn start(server: &Server, token: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (address, token) = (server.http(), token.to_owned());
        let asking = tokio::spawn({
            let stop = Arc::clone(&stop);
            async move {
                let mut asked = 0;
                while !stop.load(Ordering::Relaxed) {
                    let answer =
                        crate::client::answer_as(address, &token, SMALL, serde_json::json!({})).await;
                    assert!(answer.get("errors").is_none(), "after {asked}: {answer}");
                    asked += 1;
                    tokio::time::sleep(Duration::from_millis(600)).await;
                }
                asked
            }
        });
        Self { stop, asking }
    }

    async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        assert!(self.asking.await.unwrap() > 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_over_a_quota_is_told_when_to_come_again_and_nobody_else_notices() {
    let kept = Kept::new(
        "quotas:\n  principal:\n    {requests_per_second: 2, request_burst: 20, complexity_per_minute: 60000, \
         subscriptions: 2}\n",
    );
    let server = kept.serve();
    let [ann, cal, sue, eve] = ["ann", "cal", "sue", "eve"].map(|user| kept.token(user, &[]));
    let undisturbed = Undisturbed::start(&server, &eve);

    // Requests, whatever media type is wanted, and another credential of the same user.
    let anns = kept.token("ann", &[]);
    for (token, accept) in [(&ann, NEW), (&anns, OLD), (&ann, SSE)] {
        let (fine, over) = flood(&server, token, accept).await;
        if accept == NEW {
            assert!(fine >= 20, "the burst is let through: {fine}");
        }
        assert!(!over.is_empty());
        let longest = over.iter().map(refused).max().unwrap();
        // What was told is true.
        tokio::time::sleep(Duration::from_secs(longest)).await;
        let after = ask(&server, token, NEW, SMALL).await;
        assert_eq!(after.status, 200, "{}", after.body);
    }
    // A document that can't be read is a request too.
    let deadline = Instant::now() + PATIENCE;
    while ask(&server, &ann, NEW, "{").await.status != 429 {
        assert!(Instant::now() < deadline);
    }

    // Cost. A third of it and a little more is asked for, until it is used up.
    let large = "{ pods(limit: 10250) { id } }";
    let over = loop {
        let answer = ask(&server, &cal, NEW, large).await;
        if answer.status != 200 {
            break answer;
        }
        assert!(Instant::now() < deadline + PATIENCE);
    };
    let wait = refused(&over);
    assert!(over.error()["message"].as_str().unwrap().contains("60000 estimated nodes a minute"));
    let over = Subscription::start_as(server.http(), &cal, large).await.refused().await;
    assert!(seconds(&over) <= wait);
    assert_eq!(ask(&server, &cal, NEW, SMALL).await.status, 200, "what costs little still goes");
    tokio::time::sleep(Duration::from_secs(wait + 1)).await;
    let after = ask(&server, &cal, NEW, large).await;
    assert_eq!(after.status, 200, "{}", after.body);
    // What never fits isn't told to come again.
    let never = ask(&server, &cal, NEW, "{ pods(limit: 70000) { id } }").await;
    assert_eq!((never.status, never.retry_after()), (429, None), "{}", never.body);
    assert_eq!(never.error()["extensions"]["retryAfterSeconds"], Value::Null);

    // Subscriptions.
    let (status, first) = stream(&server, &sue, EVENTS).await;
    assert_eq!(status, 200);
    let (status, _second) = stream(&server, &sue, EVENTS).await;
    assert_eq!(status, 200);
    refused(&ask(&server, &sue, SSE, EVENTS).await);
    seconds(&Subscription::start_as(server.http(), &sue, EVENTS).await.refused().await);
    drop(first);
    let deadline = Instant::now() + PATIENCE;
    loop {
        if stream(&server, &sue, EVENTS).await.0 == 200 {
            break;
        }
        assert!(Instant::now() < deadline, "the place isn't given back");
        // She has a bound of requests too.
        tokio::time::sleep(Duration::from_millis(600)).await;
    }
    undisturbed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_callers_of_a_tenant_share_what_the_catalog_gives_it_and_a_running_server_follows() {
    let kept = Kept::new("quotas:\n  principal: {requests_per_second: 0}\n  tenant: {subscriptions: 5}\n");
    let server = kept.serve();
    for tenant in ["red", "blue"] {
        kept.done(&["tenant", "create", tenant]);
    }
    let ann = kept.token("ann", &["--tenant=red", "--admin"]);
    let ben = kept.token("ben", &["--tenant=red"]);
    let eve = kept.token("eve", &["--tenant=blue", "--admin"]);
    let undisturbed = Undisturbed::start(&server, &eve);
    let quotas =
        "{ tenants { name displayName quotas { requestsPerSecond complexityPerMinute subscriptions } } }";
    let of = |rate: Value, subscriptions: Value| {
        serde_json::json!([{ "name": "red", "displayName": "red", "quotas": {
            "requestsPerSecond": rate, "complexityPerMinute": null, "subscriptions": subscriptions } }])
    };
    assert_eq!(data(&server, &ann, quotas).await["tenants"], of(Value::Null, 5.into()));
    assert!(flood(&server, &ann, NEW).await.1.is_empty(), "nothing is bounded yet");

    // Set while the server runs: two callers share it.
    kept.done(&["tenant", "update", "red", "--requests-per-second=1", "--subscriptions=1"]);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let over = flood(&server, &ann, NEW).await.1;
        if let Some(over) = over.first() {
            assert!(
                over.error()["message"].as_str().unwrap().starts_with("all callers of a tenant together")
            );
            break;
        }
        assert!(Instant::now() < deadline, "the quota isn't taken up");
    }
    let (fine, over) = flood(&server, &ben, OLD).await;
    assert!(fine < 60 && !over.is_empty(), "what one has used, the other hasn't");
    let wait = over.iter().map(refused).max().unwrap();
    tokio::time::sleep(Duration::from_secs(wait)).await;
    let shown = ask(&server, &ann, NEW, quotas).await;
    assert_eq!(shown.body["data"]["tenants"], of(1.into(), 1.into()), "{}", shown.body);

    // One place for both.
    let open = async |token: &str| {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // Until it isn't the rate that refuses.
            tokio::time::sleep(Duration::from_secs(1)).await;
            let (status, open) = stream(&server, token, EVENTS).await;
            if status == 200 {
                return open;
            }
            assert!(Instant::now() < deadline, "{status}");
        }
    };
    let first = open(&ann).await;
    let full = loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let answer = ask(&server, &ben, SSE, EVENTS).await;
        if !answer.body.to_string().contains("operations a second") {
            break answer;
        }
    };
    refused(&full);
    assert!(full.error()["message"].as_str().unwrap().contains("1 subscriptions open"), "{}", full.body);
    drop(first);
    let _second = open(&ben).await;

    // Taken back while the server runs: as the configuration says.
    kept.done(&["tenant", "update", "red", "--requests-per-second=default", "--subscriptions=default"]);
    let deadline = Instant::now() + PATIENCE;
    while !flood(&server, &ann, NEW).await.1.is_empty() {
        assert!(Instant::now() < deadline, "the quota isn't given up");
    }
    assert_eq!(data(&server, &ann, quotas).await["tenants"], of(Value::Null, 5.into()));
    undisturbed.stop().await;

    // Its administrators see what was done to it, and nobody else's do; those who administer nothing see nothing.
    let log = "{ auditLog(filter: { action: \"updateTenant\" }) { user outcome details } }";
    let records = data(&server, &ann, log).await;
    let outcomes: Vec<_> = records["auditLog"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| record["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes, ["SUCCESS", "INTENT", "SUCCESS", "INTENT"], "{records}");
    assert_eq!(records["auditLog"][2]["details"]["requestsPerSecond"], 1, "{records}");
    assert_eq!(data(&server, &eve, log).await["auditLog"], serde_json::json!([]));
    let tenants = ask(&server, &ben, NEW, quotas).await;
    assert_eq!(tenants.error()["extensions"]["code"], "FORBIDDEN", "{}", tenants.body);
}
