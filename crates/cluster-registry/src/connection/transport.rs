//! One generation of credentials and addresses, made into something that sends requests.
//!
//! ```text
//!   base URI → credentials → impersonation headers → lanes → (proxy tunnel) → TLS, ALPN h2 or http/1.1 → TCP
//! ```
//!
//! A new generation takes over the parts of the old one that did not change: a new token keeps the connections,
//! a new certificate authority keeps the state of an OpenID Connect refresh.
//!
//! Where callers' own tokens are passed on, there is a second way without credentials, for those alone.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use http::{HeaderValue, Request, Response, Uri};
use hyper::{
    body::Incoming,
    rt::{Read, Write},
};
use hyper_rustls::FixedServerNameResolver;
use hyper_util::{
    client::{
        legacy::{
            self,
            connect::{Connection, HttpConnector, proxy::Tunnel},
        },
        proxy::matcher::Matcher,
    },
    rt::{TokioExecutor, TokioTimer},
};
use kube::{
    client::{AuthError, Body, ConfigExt, middleware::AuthLayer, oidc_errors},
    config::{AuthInfo, Config},
};
use rustls::pki_types::ServerName;
use secrecy::ExposeSecret;
use tower::{BoxError, Layer, Service, ServiceExt, timeout::Timeout, util::BoxCloneSyncService};

use super::{
    Actor, CallError, ConnectError, WriteAs,
    guard::Guarded,
    lane::{Failures, NoHttp2, Pool, Protocol},
    lanes::{Lanes, Stream},
    resolve::Resolved,
    spec::ClusterSpec,
};

/// What one stream may have unread before the server must wait: a watch that nobody reads stalls itself only.
const STREAM_WINDOW: u32 = 2 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;
/// With the time-out, a cut network is noticed within 15 seconds.
const PING_INTERVAL: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// The same for HTTP/1.1, by TCP.
const TCP_UNANSWERED: Duration = Duration::from_secs(15);

type Sender = BoxCloneSyncService<Request<Body>, Response<(Stream, Incoming)>, BoxError>;

pub(super) struct Transport {
    sender: Sender,
    lanes: Lanes,
    lanes_key: u64,
    auth: Arc<Option<AuthLayer>>,
    auth_key: u64,
    /// The way for callers' own tokens, where they are passed on.
    bare: Option<Bare>,
    /// Whether the credentials themselves are somebody's in another's name, whom nobody can be put in the place of.
    impersonates: bool,
    pub(super) plugin: bool,
}

/// A way without any credentials.
struct Bare {
    sender: Sender,
    lanes: Lanes,
    lanes_key: u64,
}

impl Transport {
    /// Builds a generation. Blocks while a credential plugin runs.
    pub(super) fn build(
        resolved: &Resolved,
        spec: &ClusterSpec,
        old: Option<&Transport>,
    ) -> Result<Self, ConnectError> {
        install_crypto();
        let (config, plugin) = (&resolved.config, resolved.plugin.as_deref());
        let (lanes_key, auth_key) = (lanes_key(config), auth_key(config));
        // What a plugin answers is not known beforehand, so nothing of it is kept.
        let old = old.filter(|_| plugin.is_none());
        let auth = match old.filter(|old| old.auth_key == auth_key) {
            Some(old) => old.auth.clone(),
            None => Arc::new(config.auth_layer().map_err(|error| auth_error(error, plugin))?),
        };
        let lanes = match old.filter(|old| old.lanes_key == lanes_key) {
            Some(old) => old.lanes.clone(),
            None => lanes(config, spec)?,
        };
        let headers =
            config.extra_headers_layer().map_err(|error| unusable("impersonation settings", &error))?;
        let plain = headers.layer(config.base_uri_layer().layer(lanes.clone()));
        let sender = match &*auth {
            Some(auth) => Sender::new(auth.layer(plain)),
            None => Sender::new(plain),
        };
        let of_old = old.and_then(|old| old.bare.as_ref());
        let bare = match spec.write_as {
            WriteAs::Impersonation => None,
            WriteAs::Token => Some(Bare::build(config, spec, of_old)?),
        };
        let impersonates =
            config.auth_info.impersonate.is_some() || config.auth_info.impersonate_groups.is_some();
        Ok(Self { sender, lanes, lanes_key, auth, auth_key, bare, impersonates, plugin: plugin.is_some() })
    }

    /// Sends a request by fleetgraph's credentials, in its own name or an actor's, or without them.
    pub(super) async fn send(
        &self,
        mut request: Request<Body>,
        actor: Option<&Actor>,
    ) -> Result<Response<(Stream, Incoming)>, BoxError> {
        let sender = match (actor, &self.bare) {
            (Some(actor), Some(bare)) if actor.is_itself() => &bare.sender,
            (Some(actor), _) if actor.is_itself() || self.impersonates => {
                return Err(CallError::NotInAnothersName.into());
            }
            _ => &self.sender,
        };
        if let Some(actor) = actor {
            actor.sign(request.headers_mut());
        }
        sender.clone().oneshot(request).await
    }
}

impl Bare {
    fn build(config: &Config, spec: &ClusterSpec, old: Option<&Self>) -> Result<Self, ConnectError> {
        let mut config = config.clone();
        config.auth_info = AuthInfo::default();
        let lanes_key = lanes_key(&config);
        let lanes = match old.filter(|old| old.lanes_key == lanes_key) {
            Some(old) => old.lanes.clone(),
            None => lanes(&config, spec)?,
        };
        let sender = Sender::new(config.base_uri_layer().layer(lanes.clone()));
        Ok(Self { sender, lanes, lanes_key })
    }
}

/// kube and hyper-rustls take the process's default; an error means that someone else was first.
fn install_crypto() {
    if rustls::crypto::CryptoProvider::get_default().is_some() {
        return;
    }
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

fn lanes(config: &Config, spec: &ClusterSpec) -> Result<Lanes, ConnectError> {
    let (tuning, guard) = (&spec.tuning, spec.guard.clone());
    let tls = config.rustls_client_config().map_err(|error| unusable("TLS material", &error))?;
    let name = config.tls_server_name.clone().map(ServerName::try_from).transpose().map_err(|_| {
        ConnectError::Material {
            what: "TLS server name",
            reason: "it is neither a host name nor an address".into(),
        }
    })?;
    let secure = Secure { tls, name, timeout: tuning.connect_timeout };
    // Without TLS there is nobody to agree on HTTP/2 with.
    let first =
        if config.cluster_url.scheme_str() == Some("https") { Protocol::Http2 } else { Protocol::Http1 };
    let (limit, patience) = (tuning.streams_per_connection, tuning.connect_timeout);
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(tuning.connect_timeout));
    http.set_keepalive(Some(PING_INTERVAL));
    http.set_keepalive_interval(Some(PING_TIMEOUT));
    http.set_tcp_user_timeout(Some(TCP_UNANSWERED));

    let http = Guarded::new(http, guard.clone(), tuning.connect_timeout);

    let Some((proxy, credentials)) = proxy(config, guard.is_some())? else {
        return Ok(Lanes::new(limit, patience, first, move |protocol, failures| {
            secure.pool(protocol, failures, http.clone())
        }));
    };
    if proxy.scheme_str() == Some("https") {
        // The proxy's certificate is the machine's business, not the cluster's authority's.
        let tls = Config::new(proxy.clone())
            .rustls_client_config()
            .map_err(|error| unusable("TLS material for the proxy", &error))?;
        let https = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_only()
            .enable_http1()
            .wrap_connector(http);
        return Ok(Lanes::new(limit, patience, first, move |protocol, failures| {
            let tunnel = tunnel(&proxy, credentials.as_ref(), https.clone());
            secure.pool(protocol, failures, Guarded::new(tunnel, guard.clone(), patience))
        }));
    }
    Ok(Lanes::new(limit, patience, first, move |protocol, failures| {
        let tunnel = tunnel(&proxy, credentials.as_ref(), http.clone());
        secure.pool(protocol, failures, Guarded::new(tunnel, guard.clone(), patience))
    }))
}

fn tunnel<C>(proxy: &Uri, credentials: Option<&HeaderValue>, inner: C) -> Tunnel<C> {
    let tunnel = Tunnel::new(proxy.clone(), inner);
    match credentials {
        Some(value) => tunnel.with_auth(value.clone()),
        None => tunnel,
    }
}

struct Secure {
    tls: rustls::ClientConfig,
    name: Option<ServerName<'static>>,
    timeout: Duration,
}

impl Secure {
    fn pool<H>(&self, protocol: Protocol, failures: Failures, transport: H) -> Pool
    where
        H: Service<Uri> + Clone + Send + Sync + 'static,
        H::Response: Connection + Read + Write + Send + Unpin + 'static,
        H::Future: Send + 'static,
        H::Error: Into<BoxError> + 'static,
    {
        let mut https =
            hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(self.tls.clone()).https_or_http();
        if let Some(name) = &self.name {
            https = https.with_server_name_resolver(FixedServerNameResolver::new(name.clone()));
        }
        let https = match protocol {
            Protocol::Http1 => https.enable_http1().wrap_connector(transport),
            Protocol::Http2 => https.enable_all_versions().wrap_connector(transport),
        };
        let agreed = move |io: &hyper_rustls::MaybeHttpsStream<H::Response>| {
            protocol == Protocol::Http1 || io.connected().is_negotiated_h2()
        };
        // Around TLS too: a peer that accepts and then says nothing is as dead as one that doesn't accept.
        let bounded = Timeout::new(https, self.timeout);
        let checked = bounded.map_result(move |result: Result<_, BoxError>| match result {
            Ok(io) if agreed(&io) => Ok(io),
            Ok(_) => Err(failures.note(NoHttp2.into())),
            Err(error) => Err(failures.note(error)),
        });
        let client: legacy::Client<_, Body> = legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .http2_only(protocol == Protocol::Http2)
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .http2_keep_alive_interval(PING_INTERVAL)
            .http2_keep_alive_timeout(PING_TIMEOUT)
            .http2_keep_alive_while_idle(true)
            .build(BoxCloneSyncService::new(checked));
        Pool::new(client)
    }
}

/// The proxy to go through, and its `Proxy-Authorization`. A guarded connection has no use for the environment's, which
/// stands where everything can be reached.
fn proxy(config: &Config, guarded: bool) -> Result<Option<(Uri, Option<HeaderValue>)>, ConnectError> {
    let matcher = match &config.proxy_url {
        Some(proxy) => Matcher::builder().all(proxy.to_string()).build(),
        None if guarded || loopback(&config.cluster_url) => return Ok(None),
        None => Matcher::from_env(),
    };
    let Some(found) = matcher.intercept(&config.cluster_url) else { return Ok(None) };
    match found.uri().scheme_str() {
        Some("http" | "https") => Ok(Some((found.uri().clone(), found.basic_auth().cloned()))),
        _ => Err(ConnectError::Proxy(found.uri().to_string())),
    }
}

/// As in Go's `ProxyFromEnvironment`, the environment's proxy is never asked for this machine's own addresses.
fn loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn lanes_key(config: &Config) -> u64 {
    let mut hasher = DefaultHasher::new();
    config.cluster_url.hash(&mut hasher);
    config.root_cert.hash(&mut hasher);
    config.accept_invalid_certs.hash(&mut hasher);
    config.tls_server_name.hash(&mut hasher);
    config.proxy_url.hash(&mut hasher);
    config.auth_info.client_certificate_data.hash(&mut hasher);
    config.auth_info.client_key_data.as_ref().map(|key| key.expose_secret()).hash(&mut hasher);
    hasher.finish()
}

fn auth_key(config: &Config) -> u64 {
    let auth = &config.auth_info;
    let mut hasher = DefaultHasher::new();
    auth.token.as_ref().map(|token| token.expose_secret()).hash(&mut hasher);
    auth.username.hash(&mut hasher);
    auth.password.as_ref().map(|password| password.expose_secret()).hash(&mut hasher);
    if let Some(provider) = &auth.auth_provider {
        let sorted: std::collections::BTreeMap<_, _> = provider.config.iter().collect();
        (&provider.name, sorted).hash(&mut hasher);
    }
    hasher.finish()
}

fn unusable(what: &'static str, error: &kube::Error) -> ConnectError {
    // The source says what is wrong, and kube's own text repeats it behind the name of its variant.
    let reason = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    ConnectError::Material { what, reason }
}

fn auth_error(error: kube::Error, plugin: Option<&str>) -> ConnectError {
    match error {
        kube::Error::Auth(error) => explain_auth(&error, plugin),
        other => unusable("credentials", &other),
    }
}

/// What kube says of credentials, without the plugin's output, its environment and its arguments: each of them may
/// hold a token.
pub(super) fn explain_auth(error: &AuthError, plugin: Option<&str>) -> ConnectError {
    let command = plugin.unwrap_or("(unnamed)").to_owned();
    match error {
        AuthError::AuthExecStart(io) => {
            ConnectError::PluginMissing { command, reason: io.kind().to_string() }
        }
        AuthError::MissingCommand => {
            ConnectError::Spec("the kubeconfig's exec section has no command".to_owned())
        }
        AuthError::AuthExecRun { out, .. } => {
            ConnectError::PluginFailed { command, reason: out.status.to_string() }
        }
        AuthError::AuthExecParse(_) | AuthError::ExecPluginFailed => {
            ConnectError::PluginFailed { command, reason: "its answer is not an ExecCredential".into() }
        }
        AuthError::MalformedTokenExpirationDate(_) => {
            ConnectError::PluginFailed { command, reason: "its expirationTimestamp is not a time".into() }
        }
        AuthError::AuthExec(_) | AuthError::AuthExecSerialize(_) | AuthError::ExecMissingClusterInfo => {
            ConnectError::PluginFailed { command, reason: "it could not be used".into() }
        }
        AuthError::Oidc(error) => ConnectError::Oidc(explain_oidc(error)),
        AuthError::InvalidBearerToken(_) | AuthError::InvalidBasicAuth(_) => {
            ConnectError::Spec("the token holds characters that no token has".into())
        }
        AuthError::ReadTokenFile(io, path) => {
            ConnectError::File { what: "token file", path: path.clone(), reason: io.to_string() }
        }
        _ => ConnectError::Spec("the credentials could not be renewed".into()),
    }
}

/// The same for OpenID Connect, where a parse error may quote what the issuer sent.
fn explain_oidc(error: &oidc_errors::Error) -> String {
    use oidc_errors::{Error, RefreshError};
    let text = match error {
        Error::IdTokenMissing | Error::IdToken(_) => "the ID token is not a JWT with an expiry",
        Error::RefreshInit(error) => {
            return format!("the ID token has expired and can't be renewed: {error}");
        }
        Error::Refresh(RefreshError::AuthorizationFailure) => {
            "the issuer refuses the refresh token or the client's secret; log in anew"
        }
        Error::Refresh(RefreshError::RequestFailed(status)) => {
            return format!("the issuer answered {status} instead of a token; check the issuer URL");
        }
        Error::Refresh(RefreshError::HyperError(_) | RefreshError::HyperUtilError(_)) => {
            "the issuer can't be reached, or its certificate is not trusted by this machine"
        }
        Error::Refresh(RefreshError::InvalidURI(_) | RefreshError::HttpError(_)) => {
            "the issuer URL, or the token endpoint that the issuer names, is not valid"
        }
        Error::Refresh(_) => "the issuer's answer holds no usable ID token; ask for the scope openid",
    };
    text.to_owned()
}
