//! What happens to each GraphQL request before it is executed, whatever transport it came by: who is calling, whether the
//! document asks for too much, and what of the fleet the caller may see.

use std::{net::SocketAddr, sync::Arc};

use access::{
    Access,
    authn::{Authenticator, Denied},
    quota::{Exceeded, Quotas},
};
use async_graphql::{Request, ServerError, parser::types::OperationType};
use catalog::audit::{AuditQueue, AuditRecord, Outcome};
use cluster_registry::Registry;
use fleetgraph_core::{Error, ErrorCode, Identity, Method, Principal, Scope, Timestamp};
use futures::future::BoxFuture;
use graphql::{Budget, Caller, Viewer, limits::Limits};
use http_api::RequestContext;
use opentelemetry::trace::TraceContextExt;
use secrecy::SecretString;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::presented::presented;

/// Refuses strangers, and documents that ask for too much, and gives each request the view of the fleet that its caller has.
pub struct Gate {
    pub limits: Limits,
    pub registry: Registry,
    pub callers: Callers,
    pub quotas: Arc<Quotas>,
    pub audit: AuditQueue,
    /// Whether callers may change objects of clusters, which some are told by the caller's own token.
    pub mutations: bool,
    /// Whose callers may send documents that aren't trusted.
    pub exempt_groups: Vec<String>,
}

/// Who is let in.
pub enum Callers {
    /// Whoever reaches the server, to see everything. The configuration allows it on loopback only.
    Anybody,
    /// Those who prove who they are, to see what each cluster's rules show them.
    Known { authenticator: Box<Authenticator>, access: Arc<Access> },
}

impl Gate {
    /// Notes that somebody isn't let in. Who presents nothing has not tried; a credential that is refused goes on record.
    async fn record(&self, context: &RequestContext, denied: &Denied) {
        let address = context.peer.map(address);
        tracing::warn!(
            request_id = %context.request_id,
            transport = %context.transport,
            peer = address,
            reason = %denied,
            "a caller is not let in"
        );
        // An open stream was let in once, and ends now.
        if !matches!(denied, Denied::Invalid(_)) || context.caller.is_some() {
            return;
        }
        let record = AuditRecord {
            at: Timestamp::now(),
            user: String::new(),
            credential: String::new(),
            method: String::new(),
            address,
            tenant: None,
            action: "authenticate".to_owned(),
            cluster: None,
            object: None,
            request_id: Some(context.request_id.to_string()),
            trace_id: trace_id(),
            outcome: Outcome::Failure,
            code: Some(ErrorCode::Unauthenticated.as_str().to_owned()),
            details: serde_json::json!({ "reason": denied.to_string(), "transport": context.transport.as_str() }),
        };
        if let Err(error) = self.audit.append_refusal(record).await {
            tracing::error!(%error, "a failed authentication is missing from the audit trail");
        }
    }

    /// Charges what an operation costs to its caller. A subscription takes a place, which it gives back when it ends.
    fn charge(&self, principal: &Principal, cost: u64, mut request: Request) -> Result<Request, Exceeded> {
        self.quotas.complexity(principal, cost)?;
        let chosen = request.operation_name.clone();
        let subscribes = request.parsed_query().is_ok_and(|document| {
            document.operations.iter().any(|(name, operation)| {
                operation.node.ty == OperationType::Subscription
                    && chosen.as_deref().is_none_or(|chosen| name.is_some_and(|name| name == chosen))
            })
        });
        if subscribes { Ok(request.data(self.quotas.subscription(principal)?)) } else { Ok(request) }
    }

    fn scope(&self, context: &RequestContext) -> Result<Scope, Error> {
        match (&self.callers, &context.caller) {
            (Callers::Anybody, _) => Ok(Scope::everything()),
            (Callers::Known { access, .. }, Some(caller)) => Ok(access.scope(Arc::clone(&caller.principal))),
            (Callers::Known { .. }, None) => Err(refusal(&Denied::Missing)),
        }
    }
}

impl http_api::Gate for Gate {
    fn identify<'a>(
        &'a self,
        context: &'a RequestContext,
    ) -> BoxFuture<'a, Result<Option<Arc<Identity>>, Error>> {
        Box::pin(async move {
            let Callers::Known { authenticator, .. } = &self.callers else { return Ok(None) };
            let outcome = match presented(context) {
                Ok(presented) => authenticator.authenticate(&presented).await,
                Err(denied) => Err(denied),
            };
            match outcome {
                Ok(identity) => Ok(Some(Arc::new(identity))),
                Err(denied) => {
                    self.record(context, &denied).await;
                    Err(refusal(&denied))
                }
            }
        })
    }

    fn may_send_any_document(&self, context: &RequestContext) -> bool {
        let groups = context.caller.iter().flat_map(|caller| caller.principal.groups.iter());
        groups.into_iter().any(|group| self.exempt_groups.iter().any(|exempt| **exempt == **group))
    }

    fn admit(&self, context: &RequestContext, mut request: Request) -> Result<Request, Vec<ServerError>> {
        let scope = self.scope(context).map_err(|error| vec![coded(&error)])?;
        let over = |exceeded: Exceeded| vec![limited(&exceeded)];
        let principal = context.caller.as_ref().map(|caller| &*caller.principal);
        // Before anything is parsed: to refuse a document has a price too.
        if let Some(principal) = principal {
            self.quotas.request(principal).map_err(over)?;
        }
        let cost = self.limits.admit(&mut request).map_err(|error| vec![error.into()])?;
        if let Some(principal) = principal {
            request = self.charge(principal, cost, request).map_err(over)?;
        }
        Ok(request
            .data(Viewer::new(self.registry.clone(), scope, Budget::new(self.limits.max_related_objects())))
            .data(Caller {
                bearer: self.mutations.then(|| bearer(context)).flatten(),
                identity: context.caller.clone(),
                address: context.peer.map(address),
                request_id: context.request_id.to_string(),
                trace_id: trace_id(),
            }))
    }
}

/// The token that a caller was identified by, if clusters can know it: fleetgraph's own are nobody else's business.
fn bearer(context: &RequestContext) -> Option<Arc<SecretString>> {
    let method = context.caller.as_ref()?.method;
    if !matches!(method, Method::Oidc | Method::TokenReview) {
        return None;
    }
    presented(context).ok()?.bearer.map(Arc::new)
}

/// What a caller is told, who is not told why.
fn refusal(denied: &Denied) -> Error {
    match denied {
        Denied::Missing => Error::new(
            ErrorCode::Unauthenticated,
            "say who is calling: the header `authorization: Bearer TOKEN`, or for a WebSocket the same in the payload of \
             connection_init",
        ),
        Denied::Invalid(_) => Error::new(
            ErrorCode::Unauthenticated,
            "the credential is not valid here: it may have expired, or be meant for somebody else",
        ),
        Denied::Unavailable(_) => Error::new(
            ErrorCode::AuthenticationUnavailable,
            "it can't be found out now who is calling; try again",
        ),
    }
}

fn coded(error: &Error) -> ServerError {
    let mut coded = ServerError::new(error.message.clone(), None);
    coded.extensions.get_or_insert_default().set("code", error.code.as_str());
    coded
}

fn limited(exceeded: &Exceeded) -> ServerError {
    let mut error = coded(&Error::new(ErrorCode::RateLimited, exceeded.to_string()));
    if let Some(seconds) = exceeded.retry_after_seconds() {
        error.extensions.get_or_insert_default().set("retryAfterSeconds", seconds);
    }
    error
}

fn address(peer: SocketAddr) -> String {
    peer.ip().to_canonical().to_string()
}

/// The id of the trace that the request belongs to, if traces are made.
fn trace_id() -> Option<String> {
    let context = tracing::Span::current().context();
    let span = context.span().span_context().clone();
    span.is_valid().then(|| span.trace_id().to_string())
}
