//! Clusters that somebody outside has named: connections go where they may, and nowhere else.

use std::{
    io,
    net::IpAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use cluster_registry::connection::{
    ClusterSpec, Connection, classify,
    guard::{AddressRules, Guard, Resolve},
    trial::{Step, TrialError, try_out},
    upload::{Direct, UploadError, UploadRules, Uploaded},
};
use fleetgraph_core::{ClusterId, ErrorCode};
use futures::future::BoxFuture;
use testkit::{ControlPlane, Credentials, Fault};
use tokio::net::TcpListener;

use crate::{
    proxy::proxy,
    support::{ask, eventually, plane},
};

const PATIENCE: Duration = Duration::from_secs(10);

/// Leads a name to whatever it was told last.
#[derive(Debug)]
struct Moving(Mutex<IpAddr>);

impl Resolve for Moving {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        let address = *self.0.lock().unwrap();
        Box::pin(std::future::ready(Ok(vec![address])))
    }
}

fn port(url: &str) -> u16 {
    url.rsplit(':').next().unwrap().parse().unwrap()
}

/// Only 127.0.0.1, on these ports.
fn here(ports: &[u16]) -> AddressRules {
    AddressRules::new(["127.0.0.1/32".parse().unwrap()], ports.iter().copied())
}

fn rules(guard: Guard) -> UploadRules {
    UploadRules { guard, ..UploadRules::default() }
}

fn id() -> ClusterId {
    ClusterId::new("uploaded").unwrap()
}

/// The plane's kubeconfig as its user `fleet`, through its proxy, at another host.
fn uploaded(plane: &ControlPlane, host: &str, rules: &UploadRules) -> Result<ClusterSpec, UploadError> {
    let direct = Direct {
        server: plane.proxied_url().replace("127.0.0.1", host),
        token: Some(plane.token("fleet").unwrap().into()),
        authority: Some(plane.ca_pem()),
        server_name: Some("127.0.0.1".into()),
    };
    Uploaded::direct(direct, rules).map(|uploaded| uploaded.spec(id(), rules))
}

async fn trial(spec: ClusterSpec) -> TrialError {
    try_out(spec, PATIENCE).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_allowed_is_connected_to_and_others_are_not() {
    let plane = plane("guarded").await;
    let port = port(&plane.proxied_url());
    let open = rules(Guard::new(here(&[port])));
    let version = try_out(uploaded(&plane, "127.0.0.1", &open).unwrap(), PATIENCE).await.unwrap();
    assert!(version.starts_with("v1."), "{version}");
    // The system's resolver knows this name.
    try_out(uploaded(&plane, "localhost", &open).unwrap(), PATIENCE).await.unwrap();

    let closed = rules(Guard::new(AddressRules::new(["0.0.0.0/0".parse().unwrap()], [port])));
    assert!(matches!(uploaded(&plane, "127.0.0.1", &closed), Err(UploadError::Refused(_))));
    let before = plane.proxy().accepted_connections();
    let refused = trial(uploaded(&plane, "localhost", &closed).unwrap()).await;
    assert_eq!((refused.step, refused.code), (Step::Reach, ErrorCode::ClusterUnavailable));
    let text = refused.to_string();
    assert!(text.contains("connections.allowed_addresses") && !text.contains("127.0.0.1"), "{text}");
    assert_eq!(plane.proxy().accepted_connections(), before, "nothing was connected to");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_leads_elsewhere_later_is_refused_at_the_next_connection() {
    let plane = plane("rebound").await;
    let moving = Arc::new(Moving(Mutex::new("127.0.0.1".parse().unwrap())));
    let guard = Guard::with_resolver(here(&[port(&plane.proxied_url())]), moving.clone());
    let rules = rules(guard);
    let connection = Connection::open(uploaded(&plane, "api.example", &rules).unwrap()).await.unwrap();
    ask(&connection).await.unwrap();

    // Linux answers on all of 127.0.0.0/8, so that only the guard stands in the way.
    *moving.0.lock().unwrap() = "127.0.0.2".parse().unwrap();
    plane.fault(Fault::Reset).await.unwrap();
    eventually("the connection is lost", async || ask(&connection).await.is_err()).await;
    plane.heal().await.unwrap();
    let accepted = plane.proxy().accepted_connections();
    eventually("the new address is refused", async || {
        ask(&connection).await.is_err_and(|error| classify(&error).message.contains("allowed_addresses"))
    })
    .await;
    assert_eq!(plane.proxy().accepted_connections(), accepted);

    *moving.0.lock().unwrap() = "127.0.0.1".parse().unwrap();
    eventually("the name leads back", async || ask(&connection).await.is_ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_asked_for_the_address_that_was_judged() {
    let plane = plane("guarded-tunnel").await;
    let targets = Arc::new(Mutex::new(Vec::new()));
    let proxy_port = proxy(targets.clone(), None).await;
    let guard = Guard::with_resolver(
        here(&[port(&plane.url()), proxy_port]),
        Arc::new(Moving(Mutex::new("127.0.0.1".parse().unwrap()))),
    );
    let rules = UploadRules { guard, allow_proxy: true, ..UploadRules::default() };
    let text = plane.kubeconfig(&Credentials::Bearer(plane.token("fleet").unwrap()));
    let mut config: serde_json::Value = serde_json::from_str(&text).unwrap();
    let cluster = &mut config["clusters"][0]["cluster"];
    cluster["server"] = plane.url().replace("127.0.0.1", "api.example").into();
    cluster["tls-server-name"] = "127.0.0.1".into();
    cluster["proxy-url"] = format!("http://127.0.0.1:{proxy_port}").into();
    let uploaded = Uploaded::kubeconfig(&config.to_string().into(), None, &rules).unwrap();
    try_out(uploaded.spec(id(), &rules), PATIENCE).await.unwrap();
    let wanted = plane.url().replace("https://", "");
    assert!(targets.lock().unwrap().iter().all(|target| *target == wanted), "{targets:?}");
    assert!(!targets.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_says_which_step_failed() {
    let plane = plane("trial").await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let rules = rules(Guard::new(here(&[port(&plane.url()), silent.local_addr().unwrap().port(), nobody])));
    plane.kubectl(&["create", "serviceaccount", "reader"]).await.unwrap();
    let account = plane.service_account_token("default", "reader", Duration::from_secs(600)).await.unwrap();
    let direct = |server: &str, token: &str, authority: Option<String>| {
        let direct =
            Direct { server: server.into(), token: Some(token.into()), authority, ..Direct::default() };
        Uploaded::direct(direct, &rules).unwrap().spec(id(), &rules)
    };
    let ca = || Some(plane.ca_pem());
    let (url, fleet) = (plane.url(), plane.token("fleet").unwrap());
    try_out(direct(&url, &fleet, ca()), PATIENCE).await.unwrap();

    let refused = trial(direct(&url, "wrong-hush", ca())).await;
    assert_eq!((refused.step, refused.code), (Step::Identity, ErrorCode::ClusterUnauthenticated));
    assert!(!refused.to_string().contains("hush"));
    let powerless = trial(direct(&url, &account, ca())).await;
    assert_eq!((powerless.step, powerless.code), (Step::Rights, ErrorCode::ClusterForbidden), "{powerless}");
    let untrusted = trial(direct(&url, &fleet, None)).await;
    assert_eq!((untrusted.step, untrusted.code), (Step::Reach, ErrorCode::ClusterTls), "{untrusted}");
    let away = trial(direct(&format!("https://127.0.0.1:{nobody}"), &fleet, ca())).await;
    assert_eq!((away.step, away.code), (Step::Reach, ErrorCode::ClusterUnavailable), "{away}");
    let url = format!("https://{}", silent.local_addr().unwrap());
    let dumb = try_out(direct(&url, &fleet, ca()), Duration::from_secs(1)).await.unwrap_err();
    assert_eq!(dumb.step, Step::Reach, "{dumb}");
}
