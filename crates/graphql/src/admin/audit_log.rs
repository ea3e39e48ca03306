//! The audit trail, for administrators.

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use catalog::audit::{AuditEntry, AuditFilter as Filter, Outcome};
use fleetgraph_core::Error;
use kinds::{DateTime, ErrorExt, Json};

use super::{Desk, told};
use crate::caller::Caller;

/// Records of one answer at most.
const PAGE: u32 = 1000;

#[derive(Default)]
pub struct AuditQuery;

#[Object]
impl AuditQuery {
    /// What was done and tried in the caller's tenants, newest first. For administrators.
    async fn audit_log(
        &self,
        ctx: &Context<'_>,
        filter: Option<AuditFilter>,
        #[graphql(default = 100, desc = "1000 at most.")] first: u32,
        #[graphql(desc = "The sequence before which to go on.")] before: Option<ID>,
    ) -> async_graphql::Result<Vec<AuditRecord>> {
        let (_, admin) = Caller::administrator(ctx)?;
        let filter = filter.unwrap_or_default();
        let filter = Filter {
            from: filter.from.map(|time| time.0),
            to: filter.to.map(|time| time.0),
            user: filter.user,
            action: filter.action,
            cluster: filter.cluster,
            tenants: Some(admin.tenants.iter().map(ToString::to_string).collect()),
            outcome: filter.outcome.map(Outcome::from),
        };
        let before = before
            .map(|id| id.parse().map_err(|_| Error::bad_input("before is not the sequence of a record")))
            .transpose()
            .graphql()?;
        let entries = ctx.data::<Desk>()?.catalog.audit(&filter, before, first.min(PAGE)).await;
        Ok(entries.map_err(told).graphql()?.into_iter().map(AuditRecord::from).collect())
    }
}

/// What records are looked for. All conditions must hold.
#[derive(InputObject, Default)]
pub struct AuditFilter {
    from: Option<DateTime>,
    /// Not included.
    to: Option<DateTime>,
    user: Option<String>,
    action: Option<String>,
    /// The id of a cluster.
    cluster: Option<String>,
    outcome: Option<AuditOutcome>,
}

/// How something went, as far as the record knows.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum AuditOutcome {
    /// It was about to be tried; what came of it is another record with the same request id.
    Intent,
    Success,
    Failure,
}

impl From<AuditOutcome> for Outcome {
    fn from(outcome: AuditOutcome) -> Self {
        match outcome {
            AuditOutcome::Intent => Self::Intent,
            AuditOutcome::Success => Self::Success,
            AuditOutcome::Failure => Self::Failure,
        }
    }
}

impl From<Outcome> for AuditOutcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Intent => Self::Intent,
            Outcome::Success => Self::Success,
            Outcome::Failure => Self::Failure,
        }
    }
}

/// Something that was done, or tried.
#[derive(SimpleObject)]
pub struct AuditRecord {
    /// Its place in the trail.
    sequence: ID,
    at: DateTime,
    user: String,
    /// What names the credential, such as the id of an API token.
    credential: String,
    /// How the caller has proven who they are.
    method: String,
    /// Where from.
    address: Option<String>,
    tenant: Option<String>,
    /// What, such as `createApiToken`.
    action: String,
    cluster: Option<String>,
    object: Option<String>,
    request_id: Option<String>,
    trace_id: Option<String>,
    outcome: AuditOutcome,
    /// The error's code.
    code: Option<String>,
    details: Json,
    /// SHA-256, in hexadecimal, over the record before and this one: whoever removes or changes a record breaks the chain.
    hash: String,
}

impl From<AuditEntry> for AuditRecord {
    fn from(entry: AuditEntry) -> Self {
        let record = entry.record;
        Self {
            sequence: ID(entry.seq.to_string()),
            at: DateTime(record.at),
            user: record.user,
            credential: record.credential,
            method: record.method,
            address: record.address,
            tenant: record.tenant,
            action: record.action,
            cluster: record.cluster,
            object: record.object,
            request_id: record.request_id,
            trace_id: record.trace_id,
            outcome: record.outcome.into(),
            code: record.code,
            details: Json(async_graphql::Value::from_json(record.details).unwrap_or_default()),
            hash: entry.hash.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}
