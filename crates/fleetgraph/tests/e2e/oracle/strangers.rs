//! Whoever says nothing of who they are gets nothing, by whichever route, root field or transport.

use serde_json::json;

use super::Oracle;
use crate::{client, server::ask};

/// The routes that everybody may ask, and why. It may only shrink.
const OPEN: [(&str, &str); 8] = [
    ("/livez", "probes have no credential; they say that the process lives"),
    ("/readyz", "probes have no credential; they say whether it is ready"),
    ("/health/live", "the same by the name that DictaMesh has"),
    ("/health/ready", "the same by the name that DictaMesh has"),
    ("/", "the page's own files; it asks for a token"),
    ("/explorer.html", "the page's own files; it asks for a token"),
    ("/licenses.md", "the page's own files"),
    ("/assets/{*file}", "the page's own files"),
];

/// Every route, as the router's own source lists them: by name, or in its list of probes.
fn routes() -> Vec<&'static str> {
    let router = include_str!("../../../../http/src/router.rs");
    let quoted = |text: &'static str| text.split('"').skip(1).step_by(2);
    let probes = router.lines().find(|line| line.starts_with("const PROBES")).map(quoted);
    let named = router.split(".route(\"").skip(1).filter_map(|rest| rest.split('"').next());
    let routes: Vec<_> = named.chain(probes.into_iter().flatten()).collect();
    assert_eq!(routes.len(), router.matches(".route(").count(), "the routes were found: {routes:?}");
    routes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_stranger_is_refused_everything_but_the_probes_and_the_page() {
    let oracle = Oracle::start().await;
    let address = oracle.server.http();
    for route in routes() {
        if OPEN.iter().any(|(open, _)| *open == route) {
            continue;
        }
        for method in ["GET", "POST"] {
            let headers = [("content-type", "application/json")];
            let (status, body) = ask(address, &format!("{method} {route}"), &headers, "{}").await;
            assert_eq!(status, 401, "{method} {route}: {body}");
        }
    }
    let gone: Vec<_> = OPEN.iter().filter(|(open, _)| !routes().contains(open)).collect();
    assert!(gone.is_empty(), "no longer there, so no exception: {gone:?}");
    for (root, keyword) in [("Query", "query"), ("Mutation", "mutation"), ("Subscription", "subscription")] {
        let fields = oracle.schema.root_fields(root);
        assert!(!fields.is_empty());
        for field in fields {
            let answer = client::answer(address, &format!("{keyword} {{ {field} }}"), json!({})).await;
            assert_eq!(
                answer["errors"][0]["extensions"]["code"], "UNAUTHENTICATED",
                "{root}.{field}: {answer}"
            );
            assert!(answer.get("data").is_none(), "{root}.{field}: {answer}");
        }
    }
    let (code, reason) = client::refused_socket(address, &json!({ "type": "connection_init" })).await;
    assert_eq!(code, 4403, "{reason}");
    let invalid = json!({ "type": "connection_init", "payload": { "authorization": "Bearer x.y.z" } });
    assert_eq!(client::refused_socket(address, &invalid).await.0, 4403);
}
