//! Nothing is changed that isn't on record: the intent first, then what came of it. What is refused before it is an intent
//! is on record as well, by the refusal alone.

use async_graphql::Context;
use catalog::{
    CatalogError,
    audit::{AuditQueue, AuditRecord, Outcome},
};
use fleetgraph_core::{Error, ErrorCode, Timestamp};
use kinds::ErrorExt;
use serde_json::Value;
use tracing::Instrument;

use super::{Desk, told};
use crate::caller::Caller;

/// What is about to be done.
#[derive(Debug, Clone, Default)]
pub(crate) struct Action {
    /// The name of the mutation.
    pub name: &'static str,
    pub tenant: Option<String>,
    pub cluster: Option<String>,
    pub object: Option<String>,
    /// Without secrets.
    pub details: Value,
}

impl Action {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, ..Self::default() }
    }
}

/// Texts of what is refused are cut at this many characters, for they may have any length.
const MAX_TEXT: usize = 300;

/// Does something, if it was not refused, and records it. What can't be recorded beforehand isn't done; what can't be recorded afterwards was
/// done, and the trail has the intent. What was begun comes to its end and on record, though the caller hangs up or the
/// request runs out of time.
pub(crate) async fn audited<T: Send + 'static>(
    ctx: &Context<'_>,
    action: Action,
    work: async_graphql::Result<impl Future<Output = Result<T, Error>> + Send + 'static>,
) -> async_graphql::Result<T> {
    let (caller, identity) = Caller::identified(ctx)?;
    let caller = caller.clone();
    let trail = ctx.data::<Desk>()?.audit.clone();
    let work = match work {
        Ok(work) => work,
        Err(error) => {
            // Of what is refused, the caller's own administrators hear, unless it is known whose it is.
            let tenant = action.tenant.or_else(|| identity.principal.first_tenant());
            let [cluster, object] = [action.cluster, action.object].map(|text| text.as_deref().map(cut));
            let action = Action { tenant, cluster, object, ..action };
            let record = record(&caller, &action, Outcome::Failure, code(&error));
            log(&record);
            if let Err(error) = trail.append_refusal(record).await {
                tracing::error!(%error, action = action.name, "a refusal is missing from the audit trail");
            }
            return Err(error);
        }
    };
    let done = tokio::spawn(recorded(trail, caller, action, work).in_current_span()).await;
    done.unwrap_or_else(|error| {
        tracing::error!(%error, "a change ended before its time");
        Err(Error::new(
            ErrorCode::Internal,
            "the change ended before its time; the log has more under this requestId",
        ))
    })
    .graphql()
}

async fn recorded<T>(
    trail: AuditQueue,
    caller: Caller,
    action: Action,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    write(&trail, &caller, &action, Outcome::Intent, None).await.map_err(told)?;
    let result = work.await;
    let (outcome, code) = match &result {
        Ok(_) => (Outcome::Success, None),
        Err(error) => (Outcome::Failure, Some(error.code.as_str().to_owned())),
    };
    if let Err(error) = write(&trail, &caller, &action, outcome, code).await {
        tracing::error!(%error, action = action.name, "the result is missing from the audit trail");
    }
    result
}

async fn write(
    trail: &AuditQueue,
    caller: &Caller,
    action: &Action,
    outcome: Outcome,
    code: Option<String>,
) -> Result<(), CatalogError> {
    let record = record(caller, action, outcome, code);
    log(&record);
    trail.append(record).await.map(drop)
}

fn log(record: &AuditRecord) {
    tracing::info!(
        target: "audit",
        user = record.user,
        credential = record.credential,
        action = record.action,
        object = record.object,
        cluster = record.cluster,
        outcome = record.outcome.as_str(),
        code = record.code,
        request_id = record.request_id,
        "audit"
    );
}

/// The stable code that an error goes out with.
fn code(error: &async_graphql::Error) -> Option<String> {
    match error.extensions.as_ref()?.get("code")? {
        async_graphql::Value::String(code) => Some(code.clone()),
        _ => None,
    }
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

fn record(caller: &Caller, action: &Action, outcome: Outcome, code: Option<String>) -> AuditRecord {
    let identity = caller.identity.as_deref();
    let text = |of: &dyn Fn(&fleetgraph_core::Identity) -> String| identity.map(of).unwrap_or_default();
    AuditRecord {
        at: Timestamp::now(),
        user: text(&|identity| identity.principal.user.to_string()),
        credential: text(&|identity| identity.credential.to_string()),
        method: text(&|identity| identity.method.as_str().to_owned()),
        address: caller.address.clone(),
        tenant: action.tenant.clone(),
        action: action.name.to_owned(),
        cluster: action.cluster.clone(),
        object: action.object.clone(),
        request_id: Some(caller.request_id.clone()),
        trace_id: caller.trace_id.clone(),
        outcome,
        code,
        details: action.details.clone(),
    }
}
