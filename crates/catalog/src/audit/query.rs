//! Reading the trail, newest first.

use std::collections::BTreeSet;

use fleetgraph_core::Timestamp;
use sqlx::AssertSqlSafe;

use super::record::{AuditEntry, Outcome, TEXTS, clean};
use crate::db::Value;
use crate::{Catalog, CatalogError};

/// What is looked for. All that is given must hold.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    pub from: Option<Timestamp>,
    /// Not included.
    pub to: Option<Timestamp>,
    pub user: Option<String>,
    pub action: Option<String>,
    pub cluster: Option<String>,
    /// Records of these tenants. Records of none, such as of failed authentication, aren't among them.
    pub tenants: Option<BTreeSet<String>>,
    pub outcome: Option<Outcome>,
}

impl Catalog {
    /// A page of records, newest first: those before a sequence, at most `limit`.
    ///
    /// # Errors
    /// When the database doesn't answer, or a record isn't readable.
    pub async fn audit(
        &self,
        filter: &AuditFilter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, CatalogError> {
        let (condition, values) = condition(filter, before);
        let sql = format!(
            "SELECT seq, at, {}, hash FROM audit WHERE {condition} ORDER BY seq DESC LIMIT {limit}",
            TEXTS.join(", ")
        );
        let rows = self.within(async { self.db().rows(AssertSqlSafe(sql), values).await }).await?;
        rows.iter().map(AuditEntry::read).collect()
    }
}

/// What is looked for, as it would stand in the trail.
fn text(text: &str) -> Value {
    Value::from(clean(text))
}

fn condition(filter: &AuditFilter, before: Option<i64>) -> (String, Vec<Value>) {
    let mut values = Vec::new();
    let mut place = |value: Value| {
        values.push(value);
        format!("${}", values.len())
    };
    let mut all = vec!["1 = 1".to_owned()];
    let mut compared = |column: &str, how: &str, value: Option<Value>| {
        all.extend(value.map(|value| format!("{column} {how} {}", place(value))));
    };
    compared("seq", "<", before.map(Value::from));
    compared("at", ">=", filter.from.map(Value::from));
    compared("at", "<", filter.to.map(Value::from));
    compared("user_name", "=", filter.user.as_deref().map(text));
    compared("action", "=", filter.action.as_deref().map(text));
    compared("cluster", "=", filter.cluster.as_deref().map(text));
    compared("outcome", "=", filter.outcome.map(|outcome| Value::from(outcome.as_str())));
    match &filter.tenants {
        None => {}
        Some(none) if none.is_empty() => all.push("1 = 0".to_owned()),
        Some(tenants) => {
            let places: Vec<_> = tenants.iter().map(|tenant| place(text(tenant))).collect();
            all.push(format!("tenant IN ({})", places.join(", ")));
        }
    }
    (all.join(" AND "), values)
}
