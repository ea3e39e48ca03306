//! An authorization webhook: an HTTPS server that an API server asks who may do what.
//!
//! It answers what the test says, and fails or hangs when the test says so.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::options::Options;
use crate::pki::CertificateAuthority;

/// What the webhook says of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Allow,
    /// Whatever the authorizers after it say.
    Deny,
    NoOpinion,
}

/// How the webhook does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Behaviour {
    #[default]
    Answers,
    /// Refuses each request with an error that API servers don't try again.
    Fails,
    /// Takes each request and doesn't answer, until it behaves otherwise.
    Hangs,
}

type Decide = dyn Fn(&Value) -> Verdict + Send + Sync;

/// The server. It ends when dropped.
pub struct AuthorizationWebhook {
    kubeconfig: PathBuf,
    behaviour: watch::Sender<Behaviour>,
    asked: Arc<Mutex<Vec<Value>>>,
    accepting: JoinHandle<()>,
    _dir: tempfile::TempDir,
}

struct Shared {
    decide: Box<Decide>,
    behaviour: watch::Receiver<Behaviour>,
    asked: Arc<Mutex<Vec<Value>>>,
}

impl AuthorizationWebhook {
    /// Listens on a free port of loopback. `decide` is given the `spec` of each SubjectAccessReview.
    pub async fn start(decide: impl Fn(&Value) -> Verdict + Send + Sync + 'static) -> Result<Self> {
        let authority = CertificateAuthority::new("webhook-ca")?;
        let tls = tls(&authority)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("binding the webhook")?;
        let dir = tempfile::tempdir()?;
        let kubeconfig = dir.path().join("webhook.kubeconfig");
        let url = format!("https://{}/authorize", listener.local_addr()?);
        tokio::fs::write(&kubeconfig, config(&url, &authority).to_string()).await?;
        let (behaviour, behaves) = watch::channel(Behaviour::Answers);
        let asked = Arc::<Mutex<Vec<Value>>>::default();
        let shared =
            Arc::new(Shared { decide: Box::new(decide), behaviour: behaves, asked: Arc::clone(&asked) });
        let accepting = tokio::spawn(accept(listener, tls, shared));
        Ok(Self { kubeconfig, behaviour, asked, accepting, _dir: dir })
    }

    /// A control plane whose API server asks it, and caches nothing of what it says.
    #[must_use]
    pub fn asked_by(&self, options: Options) -> Options {
        options
            .apiserver_arg(&format!("--authorization-webhook-config-file={}", self.kubeconfig.display()))
            .apiserver_arg("--authorization-webhook-version=v1")
            .apiserver_arg("--authorization-webhook-cache-authorized-ttl=0s")
            .apiserver_arg("--authorization-webhook-cache-unauthorized-ttl=0s")
    }

    /// The same as an entry of an `AuthorizationConfiguration`.
    pub fn authorizer(&self) -> Value {
        json!({
            "type": "Webhook", "name": "webhook",
            "webhook": {
                "authorizedTTL": "1s", "unauthorizedTTL": "1s", "timeout": "30s",
                "cacheAuthorizedRequests": false, "cacheUnauthorizedRequests": false,
                "subjectAccessReviewVersion": "v1", "matchConditionSubjectAccessReviewVersion": "v1",
                "failurePolicy": "NoOpinion",
                "connectionInfo": { "type": "KubeConfigFile", "kubeConfigFile": self.kubeconfig },
            },
        })
    }

    pub fn set(&self, behaviour: Behaviour) {
        self.behaviour.send_replace(behaviour);
    }

    /// The specs that it was asked so far for a user, those that it did not answer included.
    pub fn asked_of(&self, user: &str) -> Vec<Value> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.iter().filter(|spec| spec["user"] == user).cloned().collect()
    }
}

impl Drop for AuthorizationWebhook {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn tls(authority: &CertificateAuthority) -> Result<TlsAcceptor> {
    let server = authority.server_certificate()?;
    let certificate = CertificateDer::from_pem_slice(server.certificate_pem.as_bytes())?;
    let key = PrivateKeyDer::from_pem_slice(server.key_pem.as_bytes())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Where the API server finds the webhook; a kubeconfig may be JSON.
fn config(url: &str, authority: &CertificateAuthority) -> Value {
    use base64::Engine as _;
    let ca = base64::engine::general_purpose::STANDARD.encode(authority.pem());
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "webhook",
        "clusters": [{
            "name": "webhook", "cluster": { "server": url, "certificate-authority-data": ca },
        }],
        "users": [{ "name": "apiserver", "user": {} }],
        "contexts": [{ "name": "webhook", "context": { "cluster": "webhook", "user": "apiserver" } }],
    })
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, shared: Arc<Shared>) {
    // They end with this task.
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        connections.spawn(serve(stream, tls.clone(), Arc::clone(&shared)));
    }
}

async fn serve(stream: TcpStream, tls: TlsAcceptor, shared: Arc<Shared>) {
    let Ok(stream) = tls.accept(stream).await else { return };
    let service = service_fn(|request| answer(request, Arc::clone(&shared)));
    let server = auto::Builder::new(TokioExecutor::new());
    let _ended = server.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let refused = |status: StatusCode| {
        // Without a message the API server would take its error for none.
        let said = json!({
            "apiVersion": "v1", "kind": "Status", "status": "Failure", "code": status.as_u16(),
            "message": "the webhook is told to fail",
        });
        let mut response = json(&said);
        *response.status_mut() = status;
        Ok(response)
    };
    let Ok(body) = request.into_body().collect().await else { return refused(StatusCode::BAD_REQUEST) };
    let Ok(mut review) = serde_json::from_slice::<Value>(&body.to_bytes()) else {
        return refused(StatusCode::BAD_REQUEST);
    };
    shared.asked.lock().unwrap_or_else(PoisonError::into_inner).push(review["spec"].clone());
    let mut behaviour = shared.behaviour.clone();
    let behaves = behaviour.wait_for(|behaviour| *behaviour != Behaviour::Hangs).await;
    if !behaves.is_ok_and(|behaviour| *behaviour == Behaviour::Answers) {
        return refused(StatusCode::FORBIDDEN);
    }
    let verdict = (shared.decide)(&review["spec"]);
    review["status"] = json!({ "allowed": verdict == Verdict::Allow, "denied": verdict == Verdict::Deny });
    Ok(json(&review))
}

fn json(body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body.to_string()));
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
