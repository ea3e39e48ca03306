//! Nothing is changed that isn't on record: the intent first, then what came of it.

use async_graphql::Context;
use catalog::audit::{AuditQueue, AuditRecord, Outcome};
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

/// Does something and records it. What can't be recorded beforehand isn't done; what can't be recorded afterwards was
/// done, and the trail has the intent. What was begun comes to its end and on record, though the caller hangs up or the
/// request runs out of time.
pub(crate) async fn audited<T: Send + 'static>(
    ctx: &Context<'_>,
    action: Action,
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> async_graphql::Result<T> {
    let (caller, _) = Caller::identified(ctx)?;
    let caller = caller.clone();
    let trail = ctx.data::<Desk>()?.audit.clone();
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
    let write = async |outcome, code: Option<&Error>| {
        let record = record(&caller, &action, outcome, code);
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
        trail.append(record).await
    };
    write(Outcome::Intent, None).await.map_err(told)?;
    let result = work.await;
    let written = match &result {
        Ok(_) => write(Outcome::Success, None).await,
        Err(error) => write(Outcome::Failure, Some(error)).await,
    };
    if let Err(error) = written {
        tracing::error!(%error, action = action.name, "the result is missing from the audit trail");
    }
    result
}

fn record(caller: &Caller, action: &Action, outcome: Outcome, error: Option<&Error>) -> AuditRecord {
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
        code: error.map(|error| error.code.as_str().to_owned()),
        details: action.details.clone(),
    }
}
