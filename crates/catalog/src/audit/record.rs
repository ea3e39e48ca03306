//! One record, as callers write and read it, and as the table holds it.

use fleetgraph_core::Timestamp;

use super::chain::AuditHead;
use crate::CatalogError;
use crate::db::{Row, Value};

/// How something went, as far as the record knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// It is about to be tried. A record with the result and the same request id follows, unless the process ended.
    Intent,
    Success,
    Failure,
}

impl Outcome {
    pub const ALL: [Self; 3] = [Self::Intent, Self::Success, Self::Failure];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Intent => "intent",
            Self::Success => "success",
            Self::Failure => "failure",
        }
    }
}

/// Something that was done, or tried. NUL characters become U+FFFD: PostgreSQL stores none, and what a caller sent must
/// not keep its record out of the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    pub at: Timestamp,
    /// Empty if nobody was identified.
    pub user: String,
    /// The id of the credential, never the credential.
    pub credential: String,
    /// How the caller proved who they are, such as `oidc` or `api-token`.
    pub method: String,
    /// Where from: the peer's address.
    pub address: Option<String>,
    pub tenant: Option<String>,
    /// What, such as `deletePod` or `authenticate`.
    pub action: String,
    pub cluster: Option<String>,
    /// The target, such as `Pod shop/cart-1`.
    pub object: Option<String>,
    pub request_id: Option<String>,
    pub trace_id: Option<String>,
    pub outcome: Outcome,
    /// Of a failure: its error code.
    pub code: Option<String>,
    /// Whatever else there is to say, without secrets.
    pub details: serde_json::Value,
}

/// A record in the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its place: 1, 2, 3 …
    pub seq: i64,
    pub record: AuditRecord,
    /// SHA-256 over the hash before it and the record.
    pub hash: [u8; 32],
}

/// The columns between `seq` and `hash`, with the text that is hashed.
#[derive(Debug)]
pub(super) struct Columns {
    pub at: i64,
    pub texts: [Option<String>; TEXTS.len()],
}

/// In the order in which they are hashed and written.
pub(super) const TEXTS: [&str; 13] = [
    "user_name",
    "credential",
    "method",
    "address",
    "tenant",
    "action",
    "cluster",
    "object",
    "request_id",
    "trace_id",
    "outcome",
    "code",
    "details",
];

/// A text as it stands in the trail.
pub(super) fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

impl Columns {
    pub(super) fn of(record: &AuditRecord) -> Self {
        let always = |text: &str| Some(clean(text));
        let maybe = |text: &Option<String>| text.as_deref().map(clean);
        Self {
            at: record.at.micros(),
            texts: [
                always(&record.user),
                always(&record.credential),
                always(&record.method),
                maybe(&record.address),
                maybe(&record.tenant),
                always(&record.action),
                maybe(&record.cluster),
                maybe(&record.object),
                maybe(&record.request_id),
                maybe(&record.trace_id),
                always(record.outcome.as_str()),
                maybe(&record.code),
                // JSON escapes a NUL itself.
                Some(record.details.to_string()),
            ],
        }
    }

    pub(super) fn read(row: &Row) -> Result<Self, CatalogError> {
        let mut texts = [const { None }; TEXTS.len()];
        for (text, column) in texts.iter_mut().zip(TEXTS) {
            *text = row.optional_text(column)?;
        }
        Ok(Self { at: row.int("at")?, texts })
    }

    pub(super) fn values(self, seq: i64, hash: &[u8]) -> impl Iterator<Item = Value> + use<> {
        [Value::from(seq), Value::from(self.at)]
            .into_iter()
            .chain(self.texts.into_iter().map(Value::from))
            .chain([Value::from(hash)])
    }

    fn record(self) -> Result<AuditRecord, CatalogError> {
        let [
            user,
            credential,
            method,
            address,
            tenant,
            action,
            cluster,
            object,
            request_id,
            trace_id,
            outcome,
            code,
            details,
        ] = self.texts;
        let outcome = Outcome::ALL.into_iter().find(|known| outcome.as_deref() == Some(known.as_str()));
        let details = serde_json::from_str(details.as_deref().unwrap_or_default());
        Ok(AuditRecord {
            at: Timestamp::from_micros(self.at),
            user: user.unwrap_or_default(),
            credential: credential.unwrap_or_default(),
            method: method.unwrap_or_default(),
            address,
            tenant,
            action: action.unwrap_or_default(),
            cluster,
            object,
            request_id,
            trace_id,
            outcome: outcome.ok_or_else(|| unreadable("outcome"))?,
            code,
            details: details.map_err(|_| unreadable("details"))?,
        })
    }
}

impl AuditEntry {
    pub(super) fn read(row: &Row) -> Result<Self, CatalogError> {
        let head = AuditHead::read(row)?;
        Ok(Self { seq: head.seq, record: Columns::read(row)?.record()?, hash: head.hash })
    }
}

fn unreadable(column: &str) -> CatalogError {
    CatalogError::Corrupt(format!(
        "column {column:?} of an audit record isn't what was written; verify the trail"
    ))
}
