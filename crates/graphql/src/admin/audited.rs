//! Nothing is changed that isn't on record: the intent first, then what came of it.

use async_graphql::Context;
use catalog::audit::{AuditRecord, Outcome};
use fleetgraph_core::{Error, Timestamp};
use kinds::ErrorExt;
use serde_json::Value;

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
/// done, and the trail has the intent.
pub(crate) async fn audited<T>(
    ctx: &Context<'_>,
    action: Action,
    work: impl Future<Output = Result<T, Error>>,
) -> async_graphql::Result<T> {
    let (caller, _) = Caller::identified(ctx)?;
    let desk = ctx.data::<Desk>()?;
    let write = async |outcome, code: Option<&Error>| {
        let record = record(caller, &action, outcome, code);
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
        desk.audit.append(record).await
    };
    write(Outcome::Intent, None).await.map_err(told).graphql()?;
    let result = work.await;
    let written = match &result {
        Ok(_) => write(Outcome::Success, None).await,
        Err(error) => write(Outcome::Failure, Some(error)).await,
    };
    if let Err(error) = written {
        tracing::error!(%error, action = action.name, "the result is missing from the audit trail");
    }
    result.graphql()
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
