//! An OpenID Connect issuer on loopback, as far as those who check tokens talk to it.
//!
//! ```text
//!   a checker of tokens ── FaultProxy ── Issuer ── /.well-known/openid-configuration
//!                                          │       /keys
//!                                          └─ token(claims): signed with the newest key
//! ```
//!
//! A test is the one who logs in: it writes the claims that it wants. It also rotates the keys, cuts the network, puts
//! other answers in the place of the right ones, and counts how often the issuer was asked.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::pki::CertificateAuthority;
use crate::ports::Port;
use crate::proxy::{Fault, FaultProxy};
use crate::signing::{SigningKey, without_nulls};
use crate::workdir::Workdir;

const DISCOVERY: &str = "/.well-known/openid-configuration";
const KEYS: &str = "/keys";
/// How long a token of [`Issuer::token`] is good, unless its claims say otherwise.
const TOKEN_LIFETIME: u64 = 3600;

/// A running issuer. It stops when dropped.
pub struct Issuer {
    url: String,
    shared: Arc<Shared>,
    proxy: FaultProxy,
    serving: JoinHandle<()>,
    authority: CertificateAuthority,
    dir: Workdir,
    _port: Port,
}

struct Shared {
    url: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The newest last.
    keys: Vec<Arc<SigningKey>>,
    made: usize,
    /// What is answered at a path instead of the right document.
    instead: BTreeMap<String, Response<Bytes>>,
    asked: BTreeMap<String, usize>,
    delay: Duration,
}

impl Issuer {
    /// An issuer with HTTPS, whose certificate is signed by an authority of its own, and with one RS256 key.
    pub async fn start() -> Result<Self> {
        Self::start_with(true).await
    }

    /// The same over plain HTTP, for those who accept that on loopback and want no CA file.
    pub async fn start_plain() -> Result<Self> {
        Self::start_with(false).await
    }

    async fn start_with(tls: bool) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = Port::reserve()?;
        let proxy = FaultProxy::start(port.number(), listener.local_addr()?.port()).await?;
        let authority = CertificateAuthority::new("issuer-ca")?;
        let dir = Workdir::create("issuer")?;
        dir.write("ca.pem", authority.pem())?;
        let acceptor = if tls { Some(acceptor(&authority)?) } else { None };
        let url = format!("{}://127.0.0.1:{}", if tls { "https" } else { "http" }, proxy.port());
        let shared = Arc::new(Shared { url: url.clone(), state: Mutex::default() });
        let serving = tokio::spawn(serve(listener, acceptor, Arc::clone(&shared)));
        let issuer = Self { url, shared, proxy, serving, authority, dir, _port: port };
        issuer.rotate("RS256").await?;
        Ok(issuer)
    }

    /// What tokens have as `iss`.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn ca_pem(&self) -> String {
        self.authority.pem()
    }

    /// The authority's certificate as a file that lives as long as the issuer.
    pub fn ca_file(&self) -> PathBuf {
        self.dir.path("ca.pem")
    }

    /// A token with these claims, signed with the newest key. `iss`, `iat` and `exp` (an hour from now) are added where
    /// they lack; a claim that is null is left out.
    pub fn token(&self, claims: Value) -> Result<String> {
        self.key().sign(json!({}), &self.claims(claims))
    }

    /// These claims, with what [`Issuer::token`] adds to them.
    pub fn claims(&self, mut claims: Value) -> Value {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let added = [("iss", json!(self.url)), ("iat", json!(now)), ("exp", json!(now + TOKEN_LIFETIME))];
        for (name, value) in added {
            if claims.get(name).is_none() {
                claims[name] = value;
            }
        }
        without_nulls(claims)
    }

    /// The key that tokens are signed with.
    pub fn key(&self) -> Arc<SigningKey> {
        let state = self.shared.state();
        Arc::clone(state.keys.last().expect("an issuer begins with a key, and keeps the newest"))
    }

    /// Signs with a new key from now on, for an algorithm such as `RS256`. The old keys stay in the key set.
    pub async fn rotate(&self, algorithm: &str) -> Result<Arc<SigningKey>> {
        let number = {
            let mut state = self.shared.state();
            state.made += 1;
            state.made
        };
        let (algorithm, kid) = (algorithm.to_owned(), format!("key-{number}"));
        // An RSA key takes a while.
        let key = tokio::task::spawn_blocking(move || SigningKey::generate(&algorithm, &kid)).await??;
        let key = Arc::new(key);
        self.shared.state().keys.push(Arc::clone(&key));
        Ok(key)
    }

    /// Takes all keys but the newest out of the key set.
    pub fn forget_old_keys(&self) {
        let mut state = self.shared.state();
        let newest = state.keys.len().saturating_sub(1);
        state.keys.drain(..newest);
    }

    /// The key set, as it is served.
    pub fn jwks(&self) -> Value {
        self.shared.jwks()
    }

    /// The discovery document, as it is served.
    pub fn discovery(&self) -> Value {
        self.shared.discovery()
    }

    pub fn discovery_path(&self) -> &'static str {
        DISCOVERY
    }

    pub fn keys_path(&self) -> &'static str {
        KEYS
    }

    /// Answers this to requests of a path from now on, until [`Issuer::answer_well`].
    pub fn answer(
        &self,
        path: &str,
        status: u16,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<()> {
        let answer = Response::builder().status(status);
        let answer = headers.iter().fold(answer, |answer, (name, value)| answer.header(*name, *value));
        let answer = answer.body(body.into())?;
        self.shared.state().instead.insert(path.to_owned(), answer);
        Ok(())
    }

    /// Answers as an issuer should, again, and without delay.
    pub fn answer_well(&self) {
        let mut state = self.shared.state();
        state.instead.clear();
        state.delay = Duration::ZERO;
    }

    /// Waits that long before each answer.
    pub fn delay(&self, time: Duration) {
        self.shared.state().delay = time;
    }

    /// What the network between the issuer and those who ask it does.
    pub async fn fault(&self, fault: Fault) -> Result<()> {
        self.proxy.set(fault).await
    }

    /// How often a path was asked for.
    pub fn asked(&self, path: &str) -> usize {
        self.shared.state().asked.get(path).copied().unwrap_or_default()
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        // Its connections go with it.
        self.serving.abort();
    }
}

impl Shared {
    /// A poisoned lock only says that another test thread panicked.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn jwks(&self) -> Value {
        json!({ "keys": self.state().keys.iter().map(|key| key.jwk()).collect::<Vec<_>>() })
    }

    fn discovery(&self) -> Value {
        json!({
            "issuer": self.url,
            "jwks_uri": format!("{}{KEYS}", self.url),
            "authorization_endpoint": format!("{}/authorize", self.url),
            "token_endpoint": format!("{}/token", self.url),
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        })
    }

    async fn answer(&self, path: &str) -> Result<Response<Full<Bytes>>> {
        let (instead, delay) = {
            let mut state = self.state();
            *state.asked.entry(path.to_owned()).or_default() += 1;
            (state.instead.get(path).cloned(), state.delay)
        };
        tokio::time::sleep(delay).await;
        if let Some(instead) = instead {
            return Ok(instead.map(Full::new));
        }
        let document = match path {
            DISCOVERY => self.discovery(),
            KEYS => self.jwks(),
            _ => return Ok(Response::builder().status(StatusCode::NOT_FOUND).body(Full::default())?),
        };
        let response = Response::builder().header(header::CONTENT_TYPE, "application/json");
        Ok(response.body(Full::new(document.to_string().into()))?)
    }
}

fn acceptor(authority: &CertificateAuthority) -> Result<TlsAcceptor> {
    let pair = authority.server_certificate()?;
    let chain =
        CertificateDer::pem_slice_iter(pair.certificate_pem.as_bytes()).collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(pair.key_pem.as_bytes())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .context("the issuer's certificate")?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn serve(listener: TcpListener, acceptor: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
        connections.spawn(async move {
            match acceptor {
                None => talk(stream, shared).await,
                // A client that does not trust the certificate goes away, as it should.
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        talk(stream, shared).await;
                    }
                }
            }
        });
    }
}

async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, shared: Arc<Shared>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let shared = Arc::clone(&shared);
        async move {
            let answer = shared.answer(request.uri().path()).await;
            Ok::<_, Infallible>(answer.unwrap_or_else(|error| {
                let mut failed = Response::new(Full::new(error.to_string().into()));
                *failed.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                failed
            }))
        }
    });
    // A client that breaks off is no event.
    let _ended =
        auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}
