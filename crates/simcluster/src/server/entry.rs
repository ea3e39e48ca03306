//! The way of a request: which cluster, who, what, and then the handler.

use std::io;

use http::header::{AUTHORIZATION, DATE};
use http::{HeaderMap, HeaderValue, Method, Request};
use hyper::body::Incoming;
use tokio_util::sync::CancellationToken;

use super::answer::{self, Answer};
use super::target::{Query, ResourceTarget, Target, verb};
use super::{Shared, admin, discovery, read, watch, write};
use crate::clock::http_date;
use crate::cluster::{AccessRequest, Cluster, User};
use crate::error::ApiError;
use crate::faults::{ErrorFault, Gate};
use crate::resources::Resource;

/// Everything a handler needs to know.
pub(crate) struct Call {
    pub cluster: Cluster,
    pub resource: std::sync::Arc<Resource>,
    pub target: ResourceTarget,
    pub query: Query,
    pub accept: String,
    /// As the client calls itself.
    pub agent: String,
    pub user: User,
    /// Ends the whole connection.
    pub cut: CancellationToken,
}

/// An error cuts the request off without an answer.
pub(crate) async fn answer(
    shared: &Shared,
    cut: &CancellationToken,
    request: Request<Incoming>,
) -> io::Result<Answer> {
    let path = request.uri().path().to_owned();
    // Some clients leave out the path of their server's URL where they are given one; the token says which it is.
    if let Some(what) = path.strip_prefix("/simulator/")
        && let Some(cluster) = admin::cluster_of(shared, &request)
    {
        return Ok(admin::answer(&cluster, what, request).await);
    }
    let Some(rest) = path.strip_prefix("/clusters/") else {
        return Ok(answer::plain(404, "404 page not found\n"));
    };
    let (name, path) =
        rest.split_once('/').map_or((rest, "/".to_owned()), |(name, rest)| (name, format!("/{rest}")));
    let Some(cluster) = shared.cluster(name) else {
        return Ok(answer::plain(404, "404 page not found\n"));
    };
    // What goes wrong can be put right whatever goes wrong.
    if let Some(what) = path.strip_prefix("/simulator/") {
        return Ok(admin::answer(&cluster, what, request).await);
    }
    match cluster.0.faults.gate() {
        Gate::Pass(delay) => tokio::time::sleep(delay).await,
        Gate::Refuse => {
            cut.cancel();
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Gate::Stall => stalled(&cluster).await,
        Gate::Error(fault) => return Ok(failed(fault).into()),
    }
    let skewed = cluster.faults().clock_skew_ms != 0;
    let date = cluster.clock().now();
    let mut answer = inside(shared, cluster, cut, &path, request).await.unwrap_or_else(Answer::from);
    // Without a skew the HTTP library writes the same.
    if skewed && let Ok(date) = HeaderValue::from_str(&http_date(date)) {
        answer.headers_mut().insert(DATE, date);
    }
    Ok(answer)
}

/// Until the fault is lifted.
async fn stalled(cluster: &Cluster) {
    let mut faults = cluster.0.faults.changes();
    // The cluster holds the sender, so this ends only by a change.
    let _ended = faults.wait_for(|faults| !faults.stall).await.is_err();
}

fn failed(fault: ErrorFault) -> ApiError {
    let (reason, message) = match fault.code {
        429 => ("TooManyRequests", "Too many requests, please try again later."),
        503 => ("ServiceUnavailable", "the server is currently unable to handle the request"),
        504 => ("Timeout", "the server was unable to return a response in the time allotted"),
        _ => ("InternalError", "Internal error occurred: a simulated failure"),
    };
    let mut details = serde_json::Map::new();
    if let Some(seconds) = fault.retry_after_seconds {
        details.insert("retryAfterSeconds".to_owned(), seconds.into());
    }
    ApiError { details: Some(details), ..ApiError::new(fault.code, reason, message) }
}

/// The token that a request carries, if it carries one.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn caller(cluster: &Cluster, request: &Request<Incoming>) -> Result<User, ApiError> {
    if !request.headers().contains_key(AUTHORIZATION) {
        return Ok(User::anonymous());
    }
    if cluster.faults().expired_tokens {
        return Err(ApiError::unauthorized());
    }
    cluster.user_of(bearer(request.headers()).unwrap_or_default()).ok_or_else(ApiError::unauthorized)
}

fn authorize(cluster: &Cluster, user: &User, verb: &str, target: &ResourceTarget) -> Result<(), ApiError> {
    let ResourceTarget { group, plural, subresource, namespace, name, .. } = target;
    let request = AccessRequest {
        verb: verb.to_owned(),
        group: group.clone(),
        resource: plural.clone(),
        subresource: subresource.clone(),
        // A namespace is in itself.
        namespace: if plural == "namespaces" && group.is_empty() { name.clone() } else { namespace.clone() },
        name: name.clone(),
        path: None,
    };
    if cluster.allows(user, &request).is_some() {
        return Ok(());
    }
    let place = match request.namespace.as_str() {
        "" => "at the cluster scope".to_owned(),
        namespace => format!("in the namespace \"{namespace}\""),
    };
    let what = if subresource.is_empty() { plural.clone() } else { format!("{plural}/{subresource}") };
    let why =
        format!("User \"{}\" cannot {verb} resource \"{what}\" in API group \"{group}\" {place}", user.name);
    Err(ApiError::forbidden(plural, group, name, &why))
}

fn authorize_path(cluster: &Cluster, user: &User, path: &str) -> Result<(), ApiError> {
    let request =
        AccessRequest { verb: "get".to_owned(), path: Some(path.to_owned()), ..AccessRequest::default() };
    if cluster.allows(user, &request).is_some() {
        return Ok(());
    }
    let message = format!("forbidden: User \"{}\" cannot get path \"{path}\"", user.name);
    Err(ApiError { details: Some(serde_json::Map::new()), ..ApiError::new(403, "Forbidden", message) })
}

async fn inside(
    shared: &Shared,
    cluster: Cluster,
    cut: &CancellationToken,
    path: &str,
    request: Request<Incoming>,
) -> Result<Answer, ApiError> {
    let user = caller(&cluster, &request)?;
    let accept =
        request.headers().get(http::header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or("*/*").to_owned();
    let agent = request.headers().get(http::header::USER_AGENT).and_then(|v| v.to_str().ok());
    let agent = agent.unwrap_or_default().to_owned();
    let target = match Target::read(path) {
        Target::Resource(target) => target,
        Target::Other(parts) => {
            authorize_path(&cluster, &user, path)?;
            return Ok(discovery::answer(shared, &cluster, &parts, &accept));
        }
    };
    let query = Query::read(request.uri().query());
    let verb = verb(request.method(), &target, &query);
    let Some(resource) = cluster.resource(&target.group, &target.version, &target.plural) else {
        return if discovery::knows_group(&cluster, &target.group) {
            Err(ApiError::no_such_resource())
        } else {
            Ok(answer::plain(404, "404 page not found\n"))
        };
    };
    authorize(&cluster, &user, verb, &target)?;
    let call = Call { cluster, resource, target, query, accept, agent, user, cut: cut.clone() };
    if !call.target.subresource.is_empty() {
        return write::subresource(&call, verb, request).await;
    }
    let on_one = matches!(verb, "update" | "patch") == !call.target.name.is_empty();
    if !call.resource.allows(verb) || matches!(verb, "create" | "update" | "patch") && !on_one {
        return Err(ApiError::method_not_allowed());
    }
    match *request.method() {
        Method::GET if verb == "watch" => watch::answer(&call),
        Method::GET if verb == "list" => read::list(&call),
        Method::GET | Method::HEAD => read::get(&call),
        _ => write::answer(&call, verb, request).await,
    }
}
