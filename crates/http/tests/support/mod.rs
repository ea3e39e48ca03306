//! A small real schema behind a real server on loopback, for the tests of the transports.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "each test file uses a part of this, and a failure here is a failed test"
)]

pub mod http2;
pub mod pki;
pub mod raw;
pub mod socket;

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI32, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_graphql::{Context, Error, ErrorExtensions, Object, Schema, Subscription};
use axum::Router;
use fleetgraph_core::{ErrorCode, Identity, Method, Principal};
use futures::{Stream, StreamExt, future::BoxFuture, stream};
use http_api::{
    Check, Documents, Drained, Gate, HttpConfig, Parts, PeerCertificate, RequestContext, Shutdown, Tls,
    router, serve,
};
use limits::{Limits, LimitsConfig};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::task::AbortOnDropHandle;

/// What a test can see of the resolvers' doings.
#[derive(Debug, Default)]
pub struct Seen {
    pub bumps: AtomicI32,
    /// Results made by `flood`.
    pub flooded: AtomicUsize,
    /// Subscriptions under way.
    pub open: AtomicUsize,
    /// What is no longer let in, and why.
    pub ended: Mutex<HashMap<String, ErrorCode>>,
    /// How often the gate was asked who is calling.
    pub asked: AtomicUsize,
}

impl Seen {
    fn judge(&self, token: &str) -> Result<Option<Arc<Identity>>, fleetgraph_core::Error> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match self.ended.lock().unwrap().get(token) {
            Some(code) => Err(fleetgraph_core::Error::new(*code, "ended")),
            None => Ok(Some(Arc::new(Identity {
                principal: Arc::new(Principal::new(token)),
                until: None,
                method: Method::ApiToken,
                credential: token.into(),
            }))),
        }
    }

    /// From now on, a token is answered with an error.
    pub fn end(&self, token: &str, code: ErrorCode) {
        self.ended.lock().unwrap().insert(token.to_owned(), code);
    }
}

pub struct Query;

#[Object]
impl Query {
    async fn hello(&self) -> &'static str {
        "world"
    }

    /// What the gate put into the request.
    async fn caller(&self, context: &Context<'_>) -> String {
        context.data_opt::<Caller>().map_or_else(String::new, |caller| caller.0.clone())
    }

    async fn node(&self) -> Node {
        Node
    }

    async fn nodes(&self, limit: usize) -> Vec<Node> {
        vec![Node; limit]
    }

    /// The certificate of the connection: who has signed it, and its length.
    async fn certificate(&self, context: &Context<'_>) -> Option<String> {
        let PeerCertificate { der, signed_by } = context.data_opt::<PeerCertificate>()?;
        Some(format!("{signed_by:?} {}", der.len()))
    }

    async fn text(&self, length: usize) -> String {
        "x".repeat(length)
    }

    async fn limited(&self, #[graphql(validator(maximum = 10))] n: i32) -> i32 {
        n
    }

    async fn slow(&self, ms: u64) -> u64 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        ms
    }

    async fn boom(&self) -> bool {
        let fine = std::hint::black_box(false);
        assert!(fine, "a secret of the inside");
        fine
    }

    async fn uncoded(&self) -> Option<async_graphql::Result<bool>> {
        Some(Err(Error::new("a secret of the inside")))
    }

    async fn coded(&self) -> Option<async_graphql::Result<bool>> {
        let error = Error::new("east can't be reached");
        Some(Err(error.extend_with(|_, e| e.set("code", ErrorCode::ClusterUnavailable.as_str()))))
    }
}

/// As deep as a document goes.
#[derive(Clone)]
pub struct Node;

#[Object]
impl Node {
    async fn id(&self) -> i32 {
        1
    }

    async fn child(&self) -> Self {
        Self
    }
}

pub struct Mutation;

#[Object]
impl Mutation {
    async fn bump(&self, context: &Context<'_>, #[graphql(default)] ms: u64) -> async_graphql::Result<i32> {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        Ok(context.data::<Arc<Seen>>()?.bumps.fetch_add(1, Ordering::SeqCst) + 1)
    }
}

pub struct Events;

/// Counts one open subscription until it is dropped.
struct Open(Arc<Seen>);

impl Open {
    fn new(context: &Context<'_>) -> Self {
        let seen = Arc::clone(context.data_unchecked::<Arc<Seen>>());
        seen.open.fetch_add(1, Ordering::SeqCst);
        Self(seen)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

#[Subscription]
impl Events {
    async fn count(&self, to: i32) -> impl Stream<Item = i32> {
        stream::iter(1..=to)
    }

    /// One result, and then silence.
    async fn once(&self, context: &Context<'_>) -> impl Stream<Item = i32> + use<> {
        let open = Open::new(context);
        stream::iter([1]).chain(stream::pending()).map(move |n| {
            let _ = &open;
            n
        })
    }

    /// Results as fast as they are taken.
    async fn flood(&self, context: &Context<'_>, length: usize) -> impl Stream<Item = String> + use<> {
        let open = Open::new(context);
        stream::repeat_with(move || {
            open.0.flooded.fetch_add(1, Ordering::SeqCst);
            "x".repeat(length)
        })
    }

    async fn faulty(&self) -> impl Stream<Item = i32> {
        stream::iter(1..=2).map(|n| {
            assert!(n == 1, "a secret of the inside");
            n
        })
    }
}

pub struct Caller(pub String);

pub type TestSchema = Schema<Query, Mutation, Events>;

pub fn schema(seen: Arc<Seen>) -> TestSchema {
    Schema::build(Query, Mutation, Events).data(seen).finish()
}

/// Admits everyone, by the name in the header `x-caller` or in a token that is their name, and refuses `mallory`.
struct TestGate {
    seen: Arc<Seen>,
    limits: Limits,
}

fn token_of(context: &RequestContext) -> Option<&str> {
    let header = context.headers.get("authorization").and_then(|value| value.to_str().ok());
    let params = context.connection_params.as_ref().and_then(|params| params.get("token")?.as_str());
    header.and_then(|value| value.strip_prefix("Bearer ")).or(params)
}

impl Gate for TestGate {
    fn may_send_any_document(&self, context: &RequestContext) -> bool {
        context.headers.get("x-caller").is_some_and(|caller| caller == "gateway")
    }

    fn identify<'a>(
        &'a self,
        context: &'a RequestContext,
    ) -> BoxFuture<'a, Result<Option<Arc<Identity>>, fleetgraph_core::Error>> {
        let outcome = match token_of(context) {
            None => Ok(None),
            Some("mallory") => Err(fleetgraph_core::Error::new(ErrorCode::Forbidden, "not you")),
            Some(token) => self.seen.judge(token),
        };
        Box::pin(async { outcome })
    }

    fn admit(
        &self,
        context: &RequestContext,
        request: async_graphql::Request,
    ) -> Result<async_graphql::Request, Vec<async_graphql::ServerError>> {
        let from_header = context.headers.get("x-caller").and_then(|value| value.to_str().ok());
        let from_params = context.connection_params.as_ref().and_then(|params| params.get("token")?.as_str());
        let caller = from_header.or(from_params).unwrap_or("nobody").to_owned();
        if caller == "mallory" {
            let mut error = async_graphql::ServerError::new("not you", None);
            error.extensions.get_or_insert_default().set("code", ErrorCode::Forbidden.as_str());
            return Err(vec![error]);
        }
        assert!(caller != "trapdoor", "a secret of the inside");
        let mut request = request;
        self.limits.admit(&mut request).map_err(|error| vec![error.into()])?;
        let request = match context.extensions.get::<PeerCertificate>() {
            Some(certificate) => request.data(certificate.clone()),
            None => request,
        };
        Ok(request.data(Caller(caller)))
    }
}

/// Limits short enough for a test to reach.
pub fn config() -> HttpConfig {
    let mut config = HttpConfig { drain_delay: Duration::ZERO, ..HttpConfig::default() };
    config.websocket.max_operations = 30;
    config
}

pub fn app(config: &HttpConfig, seen: &Arc<Seen>, shutdown: &Shutdown) -> Router {
    app_with(config, seen, shutdown, Documents::load(config).unwrap())
}

fn app_with(config: &HttpConfig, seen: &Arc<Seen>, shutdown: &Shutdown, documents: Documents) -> Router {
    let executor = schema(Arc::clone(seen));
    let limits = Limits::new(LimitsConfig::default(), &executor.sdl()).unwrap();
    router(Parts {
        executor,
        gate: Arc::new(TestGate { seen: Arc::clone(seen), limits }),
        documents,
        readiness: Arc::new(|| vec![Check::ok("store")]),
        config: config.clone(),
        shutdown: shutdown.clone(),
    })
}

/// A server on a loopback port of its own, which ends with the test.
pub struct Server {
    pub address: SocketAddr,
    pub seen: Arc<Seen>,
    pub shutdown: Shutdown,
    task: JoinHandle<Drained>,
    _following: AbortOnDropHandle<()>,
}

impl Server {
    pub async fn start(config: HttpConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, shutdown) = (Arc::new(Seen::default()), Shutdown::new());
        let documents = Documents::load(&config).unwrap();
        let _following = AbortOnDropHandle::new(tokio::spawn(documents.clone().follow()));
        let router = app_with(&config, &seen, &shutdown, documents);
        let tls = Tls::load(&config.tls).unwrap();
        let handle = shutdown.clone();
        let task = tokio::spawn(async move { serve(listener, tls, router, &config, &handle).await });
        Self { address, seen, shutdown, task, _following }
    }

    pub fn url(&self) -> String {
        format!("http://{}/graphql", self.address)
    }

    /// Begins the shutdown and waits for its end.
    pub async fn stop(self) -> Drained {
        self.shutdown.begin();
        within("the drain", self.task).await.unwrap()
    }
}

/// Fails the test when something takes longer than anything here may take.
pub async fn within<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(Duration::from_secs(20), future).await {
        Ok(output) => output,
        Err(_) => panic!("{what}: nothing within 20 s"),
    }
}

/// Waits until a condition holds.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    within(what, async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}
