//! From whatever kube, hyper, rustls or the operating system says to a code and a sentence that says what to do.
//!
//! Errors reach us wrapped several times over, so the whole chain is walked and the most telling link decides. Texts
//! of the layers below are quoted only where they can't hold a secret.

use std::{error::Error as StdError, io, time::Duration};

use fleetgraph_core::{Error, ErrorCode, KindMeta};
use kube::{client::AuthError, core::Status, runtime::watcher};

use super::{
    error::{CallError, ConnectError},
    guard::Refused,
    lane::NoConnection,
    transport::explain_auth,
};

/// What went wrong with a cluster, as callers and operators are told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterError {
    pub code: ErrorCode,
    pub message: String,
    /// How long the cluster asked to be left alone.
    pub retry_after: Option<Duration>,
}

impl ClusterError {
    fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after: None }
    }
}

/// What can be classified: [`kube::Error`] and [`watcher::Error`].
pub trait Classify {
    fn classify(&self) -> ClusterError;
}

/// Says what an error means and what to do about it.
#[must_use]
pub fn classify<E: Classify>(error: &E) -> ClusterError {
    error.classify()
}

impl Classify for kube::Error {
    fn classify(&self) -> ClusterError {
        match self {
            Self::Api(status) => classify_status(status),
            other => classify_call(other),
        }
    }
}

impl Classify for watcher::Error {
    fn classify(&self) -> ClusterError {
        match self {
            Self::InitialListFailed(error) | Self::WatchStartFailed(error) | Self::WatchFailed(error) => {
                error.classify()
            }
            Self::WatchError(status) => classify_status(status),
            Self::NoResourceVersion => ClusterError::new(
                ErrorCode::ClusterProtocol,
                "the API server sent a list without a resourceVersion; it cannot be watched",
            ),
        }
    }
}

/// What stopped a watch of one kind, as freshness shows it.
#[must_use]
pub fn classify_watch(error: &watcher::Error, kind: &KindMeta) -> Error {
    let ClusterError { code, message, .. } = error.classify();
    Error::new(code, format!("watching {}: {message}", kind.plural))
}

/// Whether the watch began at a version that the server has not reached: it was taken back in time, or another replica
/// lags behind.
pub fn is_ahead(error: &watcher::Error) -> bool {
    matches!(
        error,
        watcher::Error::WatchStartFailed(kube::Error::Api(status)) if status.message.contains(TOO_LARGE)
    ) || matches!(error, watcher::Error::WatchError(status) if status.message.contains(TOO_LARGE))
}

const TOO_LARGE: &str = "Too large resource version";

/// An answer that Kubernetes itself gave.
fn classify_status(status: &Status) -> ClusterError {
    let said = said(status);
    let (code, message) = match status.code {
        401 => (
            ErrorCode::ClusterUnauthenticated,
            "the API server does not accept fleetgraph's credentials (401): the token or client certificate is wrong \
             or has expired; renew it"
                .to_owned(),
        ),
        403 => (
            ErrorCode::ClusterForbidden,
            format!("the API server does not let fleetgraph do this (403): {said}; grant it by RBAC"),
        ),
        // kube's own words for a body that is no `Status`. The plain text is what an API server answers for a group
        // that it does not have.
        404 if status.reason == "Failed to parse error data" && status.message.trim() != "404 page not found" => (
            ErrorCode::ClusterProtocol,
            "something answered 404 that is not a Kubernetes API server; check the cluster's server URL".to_owned(),
        ),
        404 => (ErrorCode::NotFound, format!("the API server has no such object or kind (404): {said}")),
        408 | 504 => (ErrorCode::ClusterTimeout, format!("the API server ran out of time: {said}; check its load")),
        410 => (
            ErrorCode::ClusterGone,
            "the API server no longer has the history that was asked for (410); a new list follows by itself"
                .to_owned(),
        ),
        429 => (
            ErrorCode::ClusterRateLimited,
            format!(
                "the API server asks for fewer requests (429): {said}; lower the cluster's qps, or check its priority \
                 and fairness"
            ),
        ),
        502 | 503 => (
            ErrorCode::ClusterUnavailable,
            format!("the API server, or a load balancer before it, is not serving ({}): {said}", status.code),
        ),
        // A watch that ended with an error of its own: kube reports it without a code.
        0 if status.reason == "Expired" => return classify_status(&Status { code: 410, ..status.clone() }),
        500..=599 => (ErrorCode::ClusterUnavailable, format!("the API server failed ({}): {said}", status.code)),
        code => (ErrorCode::ClusterProtocol, format!("the API server refused the request ({code}): {said}")),
    };
    let seconds = status.details.as_ref().map_or(0, |details| details.retry_after_seconds);
    let retry_after = (seconds > 0).then(|| Duration::from_secs(u64::from(seconds)));
    let message = match retry_after {
        Some(after) => format!("{message}; it may be tried again in {} s", after.as_secs()),
        None => message,
    };
    ClusterError { code, message, retry_after }
}

/// The server's own sentence, short enough for a log line. When it wasn't a `Status`, kube puts the whole body there.
pub(super) fn said(status: &Status) -> String {
    const LONGEST: usize = 300;
    let text = status.message.trim();
    if text.is_empty() {
        return if status.reason.is_empty() { "no reason given".into() } else { status.reason.clone() };
    }
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect();
    if text.chars().count() > LONGEST { format!("{line}…") } else { line }
}

/// An error on the way, or in reading the answer.
pub(super) fn classify_call(error: &(dyn StdError + 'static)) -> ClusterError {
    let chain = chain(error);
    let find = |test: &dyn Fn(&(dyn StdError + 'static)) -> Option<ClusterError>| {
        chain.iter().find_map(|link| test(*link))
    };
    find(&ours)
        .or_else(|| find(&tls))
        .or_else(|| find(&network))
        .or_else(|| find(&unreadable))
        .unwrap_or_else(|| {
            let last = chain.last().map_or_else(String::new, ToString::to_string);
            ClusterError::new(
                ErrorCode::ClusterUnavailable,
                format!("the request to the cluster failed: {last}"),
            )
        })
}

/// All links of an error. An `io::Error` hides the error that it was made of from `source`, so it is opened.
pub(super) fn chain<'a>(error: &'a (dyn StdError + 'static)) -> Vec<&'a (dyn StdError + 'static)> {
    /// A cycle would otherwise never end.
    const LONGEST: usize = 32;
    let mut links = Vec::new();
    let mut next = Some(error);
    while let Some(link) = next.filter(|_| links.len() < LONGEST) {
        links.push(link);
        let hidden = link.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match hidden {
            Some(inner) => Some(inner),
            None => link.source(),
        };
    }
    links
}

fn ours(link: &(dyn StdError + 'static)) -> Option<ClusterError> {
    if let Some(error) = link.downcast_ref::<CallError>() {
        return Some(ClusterError::new(error.code(), error.to_string()));
    }
    if let Some(error) = link.downcast_ref::<ConnectError>() {
        return Some(ClusterError::new(error.code(), error.to_string()));
    }
    if let Some(refused) = link.downcast_ref::<Refused>() {
        return Some(ClusterError::new(ErrorCode::ClusterUnavailable, refused.to_string()));
    }
    if let Some(kube::Error::Api(status)) = link.downcast_ref::<kube::Error>() {
        return Some(classify_status(status));
    }
    let error = explain_auth(link.downcast_ref::<AuthError>()?, None);
    Some(ClusterError::new(error.code(), error.to_string()))
}

fn tls(link: &(dyn StdError + 'static)) -> Option<ClusterError> {
    use rustls::{AlertDescription as Alert, CertificateError as Cert, Error as Tls};
    let error = link.downcast_ref::<Tls>()?;
    let message = match error {
        Tls::InvalidCertificate(Cert::UnknownIssuer) => {
            "the API server's certificate is signed by an authority that the configured CA does not contain; set the \
             cluster's current CA (ca_file or certificate-authority-data)"
                .to_owned()
        }
        Tls::InvalidCertificate(Cert::NotValidForName | Cert::NotValidForNameContext { .. }) => {
            "the API server's certificate is not for this host name; connect by a name that it holds, or set the TLS \
             server name"
                .to_owned()
        }
        Tls::InvalidCertificate(Cert::Expired | Cert::ExpiredContext { .. }) => {
            "the API server's certificate has expired; renew it, or check this machine's clock".to_owned()
        }
        Tls::InvalidCertificate(Cert::NotValidYet | Cert::NotValidYetContext { .. }) => {
            "the API server's certificate is not valid yet; check this machine's clock".to_owned()
        }
        Tls::InvalidCertificate(other) => format!("the API server's certificate is not acceptable: {other}"),
        Tls::AlertReceived(
            Alert::CertificateExpired | Alert::CertificateRevoked | Alert::CertificateUnknown | Alert::BadCertificate
            | Alert::UnknownCA | Alert::CertificateRequired | Alert::AccessDenied,
        ) => "the API server does not accept fleetgraph's client certificate: it has expired or is signed by another \
              authority; renew it"
            .to_owned(),
        Tls::InvalidMessage(_) => {
            "what answers at the API server's address does not speak TLS; check the port, and http against https".into()
        }
        other => format!("no secure connection to the API server: {other}"),
    };
    Some(ClusterError::new(ErrorCode::ClusterTls, message))
}

fn network(link: &(dyn StdError + 'static)) -> Option<ClusterError> {
    let unavailable = |text: &str| Some(ClusterError::new(ErrorCode::ClusterUnavailable, text));
    if link.is::<NoConnection>() || link.is::<tower::timeout::error::Elapsed>() {
        return unavailable(
            "no connection to the API server came about in time; check the address, the route and firewalls",
        );
    }
    // hyper-util's connect errors have no public type; these are its and the tunnel's texts.
    match link.to_string().as_str() {
        "dns error" => {
            return unavailable(
                "the API server's host name is not known to DNS; check the server URL and the resolver",
            );
        }
        "tunnel error: proxy authorization required" => {
            return unavailable("the proxy wants credentials; put them in the proxy URL");
        }
        text if text.starts_with("tunnel error") => {
            return Some(ClusterError::new(
                ErrorCode::ClusterUnavailable,
                format!("the proxy did not connect to the API server ({text})"),
            ));
        }
        _ => {}
    }
    if let Some(error) = link.downcast_ref::<hyper::Error>()
        && error.is_timeout()
    {
        return unavailable(
            "the connection to the API server went silent (no answer to a ping); it is made anew",
        );
    }
    if link.downcast_ref::<h2::Error>().is_some_and(h2::Error::is_reset) {
        return unavailable("the API server broke off its answer; it may be restarting");
    }
    // h2 shows the error it was made of only when asked.
    let error = link.downcast_ref::<io::Error>().or_else(|| link.downcast_ref::<h2::Error>()?.get_io())?;
    match error.kind() {
        io::ErrorKind::ConnectionRefused => unavailable(
            "nothing listens at the API server's address (connection refused); check that it runs and that the port is right",
        ),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => {
            unavailable("the API server closed the connection; it may be restarting")
        }
        io::ErrorKind::UnexpectedEof => unavailable("the connection to the API server broke off"),
        io::ErrorKind::TimedOut => unavailable(
            "the API server's address does not answer; check the address, the route and firewalls",
        ),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            unavailable("there is no route to the API server; check the network")
        }
        _ => None,
    }
}

fn unreadable(link: &(dyn StdError + 'static)) -> Option<ClusterError> {
    if let Some(kube::Error::FromUtf8(_)) = link.downcast_ref::<kube::Error>() {
        let message = "what answered at the cluster's address sent no text; check the server URL";
        return Some(ClusterError::new(ErrorCode::ClusterProtocol, message));
    }
    let error = link.downcast_ref::<serde_json::Error>()?;
    // Its text would quote the offending value; the place is enough.
    let place = format!("line {}, column {}", error.line(), error.column());
    Some(match error.classify() {
        serde_json::error::Category::Data => ClusterError::new(
            ErrorCode::MalformedObject,
            format!("the cluster sent an object that is not as its kind should be ({place})"),
        ),
        _ => ClusterError::new(
            ErrorCode::ClusterProtocol,
            format!(
                "what answered at the cluster's address did not send Kubernetes' JSON ({place}); check the server URL"
            ),
        ),
    })
}

#[cfg(test)]
mod tests;
