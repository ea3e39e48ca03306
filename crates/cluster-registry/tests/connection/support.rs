//! What the tests share: specs for a control plane, waiting with a deadline, and a peer with a canned answer.

use std::{
    convert::Infallible,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use cluster_registry::connection::{Auth, ClusterSpec, Connection, Token};
use fleetgraph_core::ClusterId;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{
    body::{Bytes, Incoming},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use testkit::{ControlPlane, Options};
use tokio::{net::TcpListener, time::Instant};

pub const PATIENCE: Duration = Duration::from_secs(30);

/// An API server, etcd, and a user called `fleet` with a token and all rights.
pub async fn plane(name: &str) -> ControlPlane {
    ControlPlane::start(Options::bare(name).token_user("fleet", &["system:masters"])).await.unwrap()
}

pub fn spec(auth: Auth) -> ClusterSpec {
    let mut spec = ClusterSpec::new(ClusterId::new("test").unwrap(), auth);
    spec.tuning.reload_interval = Duration::from_millis(100);
    spec.tuning.health_interval = Duration::from_secs(2);
    spec
}

/// The administrator, by kubeconfig, past the plane's fault proxy.
pub fn admin(plane: &ControlPlane) -> ClusterSpec {
    spec(Auth::kubeconfig(plane.kubeconfig_file(), None))
}

/// The administrator, by kubeconfig, through the plane's fault proxy.
pub fn proxied(plane: &ControlPlane) -> ClusterSpec {
    spec(Auth::kubeconfig(plane.proxied_kubeconfig_file(), None))
}

/// The user `fleet`, with a token in a file.
pub fn by_token_file(plane: &ControlPlane, file: &Path) -> ClusterSpec {
    let mut spec = spec(Auth::Token { server: plane.url(), token: Token::File(file.into()) });
    spec.tls.ca_data = Some(plane.ca_pem());
    spec
}

/// A peer at a plain URL.
pub fn by_url(url: &str) -> ClusterSpec {
    spec(Auth::Token { server: url.to_owned(), token: Token::Inline("t0ken".into()) })
}

pub async fn open(spec: ClusterSpec) -> Connection {
    Connection::open(spec).await.unwrap()
}

pub fn config_maps(connection: &Connection) -> Api<ConfigMap> {
    Api::namespaced(connection.client(), "default")
}

/// A request that reads something real.
pub async fn ask(connection: &Connection) -> Result<(), kube::Error> {
    config_maps(connection).list(&Default::default()).await.map(|_| ())
}

/// Waits until a condition holds, and says which one did not.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Replaces a file as tools do it: in one step.
pub fn replace(path: &Path, text: &str) {
    let next = path.with_extension("next");
    fs::write(&next, text).unwrap();
    fs::rename(next, path).unwrap();
}

pub fn file(dir: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = dir.path().join(name);
    fs::write(&path, text).unwrap();
    path
}

/// A peer on loopback that gives every request the same answer.
pub struct Peer {
    pub url: String,
    pub requests: Arc<AtomicUsize>,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Peer {
    pub async fn answering(answer: impl Fn() -> Response<Full<Bytes>> + Send + Sync + 'static) -> Self {
        Self::with(move |_| answer()).await
    }

    pub async fn with(
        answer: impl Fn(&Request<Incoming>) -> Response<Full<Bytes>> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let (answer, counted) = (Arc::new(answer), requests.clone());
        let serving = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (answer, counted) = (answer.clone(), counted.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    counted.fetch_add(1, Ordering::AcqRel);
                    let response = answer(&request);
                    async move { Ok::<_, Infallible>(response) }
                });
                tokio::spawn(async move {
                    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    // A client that goes away is no fault of the peer's.
                    let _ = server.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
        Self { url, requests, serving }
    }
}

pub fn answer(status: u16, kind: &str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    Response::builder().status(status).header("content-type", kind).body(Full::new(body.into())).unwrap()
}
