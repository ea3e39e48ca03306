//! Tenants: who owns clusters and tokens, and how much of fleetgraph each may use.

use fleetgraph_core::Timestamp;

use crate::catalog::{Topic, count};
use crate::db::{Row, values};
use crate::error::{on_conflict, on_still_used};
use crate::token::storable;
use crate::{Catalog, CatalogError};

/// The tenant that always exists: whoever has no use for tenants has this one.
pub const DEFAULT_TENANT: &str = "default";

const NAMED: &str = "tenant";
const LONGEST: usize = 63;
const COLUMNS: &str = "SELECT name, display_name, requests_per_second, cost_per_minute, subscriptions, created_at, \
     created_by FROM tenants ORDER BY name";

/// What a tenant may use, over all its callers: as all tenants where missing, without a bound where 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quotas {
    pub requests_per_second: Option<u32>,
    /// In the units of the limits on documents: estimated objects.
    pub cost_per_minute: Option<u32>,
    /// Open at the same time.
    pub subscriptions: Option<u32>,
}

/// A tenant to be made.
#[derive(Debug, Clone)]
pub struct NewTenant {
    /// As a DNS label: at most 63 of `a-z`, `0-9` and `-`, neither first nor last a `-`.
    pub name: String,
    pub display_name: String,
    pub quotas: Quotas,
    pub created_by: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    pub name: String,
    pub display_name: String,
    pub quotas: Quotas,
    pub created_at: Timestamp,
    pub created_by: String,
}

impl Catalog {
    /// # Errors
    /// When the name is taken, or isn't one.
    pub async fn create_tenant(&self, new: NewTenant) -> Result<Tenant, CatalogError> {
        check_name(&new.name)?;
        storable("a tenant's display name", &new.display_name)?;
        storable("the name of who creates a tenant", &new.created_by)?;
        let tenant = Tenant {
            name: new.name,
            display_name: new.display_name,
            quotas: new.quotas,
            created_at: Timestamp::now(),
            created_by: new.created_by,
        };
        self.within(async {
            let mut tx = self.db().begin().await?;
            count(&mut tx, Topic::Tenants).await?;
            let made = tx
                .execute(
                    "INSERT INTO tenants (name, display_name, requests_per_second, cost_per_minute, \
                     subscriptions, created_at, created_by) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                    values![
                        tenant.name.as_str(),
                        tenant.display_name.as_str(),
                        tenant.quotas.requests_per_second.map(i64::from),
                        tenant.quotas.cost_per_minute.map(i64::from),
                        tenant.quotas.subscriptions.map(i64::from),
                        tenant.created_at,
                        tenant.created_by.as_str(),
                    ],
                )
                .await;
            made.map_err(|error| on_conflict(error, NAMED, &tenant.name))?;
            tx.commit().await
        })
        .await?;
        Ok(tenant)
    }

    /// Sets what may change of a tenant.
    ///
    /// # Errors
    /// When there is no such tenant.
    pub async fn update_tenant(
        &self,
        name: &str,
        display_name: &str,
        quotas: Quotas,
    ) -> Result<(), CatalogError> {
        storable("a tenant's name", name)?;
        storable("a tenant's display name", display_name)?;
        self.within(async {
            let mut tx = self.db().begin().await?;
            count(&mut tx, Topic::Tenants).await?;
            let changed = tx
                .execute(
                    "UPDATE tenants SET display_name = $2, requests_per_second = $3, cost_per_minute = $4, \
                     subscriptions = $5 WHERE name = $1",
                    values![
                        name,
                        display_name,
                        quotas.requests_per_second.map(i64::from),
                        quotas.cost_per_minute.map(i64::from),
                        quotas.subscriptions.map(i64::from),
                    ],
                )
                .await?;
            if changed == 0 {
                return Err(CatalogError::NotFound { what: NAMED, name: name.to_owned() });
            }
            tx.commit().await
        })
        .await
    }

    /// Removes a tenant that owns nothing. Tokens that ended still name their tenants, so a tenant that ever had one
    /// stays.
    ///
    /// # Errors
    /// When it owns clusters or tokens, is the default one, or doesn't exist.
    pub async fn remove_tenant(&self, name: &str) -> Result<(), CatalogError> {
        storable("a tenant's name", name)?;
        if name == DEFAULT_TENANT {
            return Err(CatalogError::InUse { what: NAMED, name: name.to_owned() });
        }
        self.within(async {
            let mut tx = self.db().begin().await?;
            count(&mut tx, Topic::Tenants).await?;
            let removed = tx.execute("DELETE FROM tenants WHERE name = $1", values![name]).await;
            if removed.map_err(|error| on_still_used(error, NAMED, name))? == 0 {
                return Err(CatalogError::NotFound { what: NAMED, name: name.to_owned() });
            }
            tx.commit().await
        })
        .await
    }

    /// All tenants by name.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn tenants(&self) -> Result<Vec<Tenant>, CatalogError> {
        self.within(async { self.db().rows(COLUMNS, vec![]).await }).await?.iter().map(read).collect()
    }
}

fn read(row: &Row) -> Result<Tenant, CatalogError> {
    let quota = |column: &'static str| -> Result<Option<u32>, CatalogError> {
        let unreadable = |_| CatalogError::Corrupt(format!("column {column:?} is out of range"));
        row.optional_int(column)?.map(u32::try_from).transpose().map_err(unreadable)
    };
    Ok(Tenant {
        name: row.text("name")?,
        display_name: row.text("display_name")?,
        quotas: Quotas {
            requests_per_second: quota("requests_per_second")?,
            cost_per_minute: quota("cost_per_minute")?,
            subscriptions: quota("subscriptions")?,
        },
        created_at: row.time("created_at")?,
        created_by: row.text("created_by")?,
    })
}

fn check_name(name: &str) -> Result<(), CatalogError> {
    let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let bytes = name.as_bytes();
    let ends = bytes.first().copied().is_some_and(inner) && bytes.last().copied().is_some_and(inner);
    if ends && name.len() <= LONGEST && bytes.iter().all(|c| inner(*c) || *c == b'-') {
        return Ok(());
    }
    Err(CatalogError::Invalid(format!(
        "{name:?} can't name a tenant: use at most {LONGEST} of a-z, 0-9 and '-', not beginning or ending with '-'"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenants_name_is_a_dns_label() {
        for name in ["a", "shop", "team-7", &"x".repeat(63)] {
            check_name(name).unwrap();
        }
        for name in ["", "-a", "a-", "A", "a.b", "a,b", "ä", "a\0", &"x".repeat(64)] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
    }
}
