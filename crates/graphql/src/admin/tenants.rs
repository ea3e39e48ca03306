//! The caller's tenants, and how much each may ask for. To make and change them is the operator's: a quota binds the
//! administrators of its tenant too.

use std::{collections::HashMap, fmt};

use async_graphql::{Context, Object, SimpleObject};
use catalog::Tenant as Stored;
use kinds::{DateTime, ErrorExt};

use super::{Desk, told};
use crate::caller::Caller;

/// Who knows which bounds hold for a tenant now.
pub trait TenantBounds: fmt::Debug + Send + Sync {
    /// Those of a tenant that the catalog may not know.
    fn of(&self, tenant: &str) -> TenantQuotas;
}

#[derive(Default)]
pub struct TenantQuery;

#[Object]
impl TenantQuery {
    /// The caller's own tenants by name, with the quotas that hold for each now. For administrators.
    async fn tenants(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Tenant>> {
        let (_, admin) = Caller::administrator(ctx)?;
        let desk = ctx.data::<Desk>()?;
        let stored = desk.catalog.tenants().await.map_err(told).graphql()?;
        let mut stored: HashMap<_, _> =
            stored.into_iter().map(|tenant| (tenant.name.clone(), tenant)).collect();
        let own = admin.tenants.iter();
        Ok(own.map(|name| Tenant::new(name, stored.remove(&**name), desk.bounds.of(name))).collect())
    }
}

/// A tenant: who owns clusters and tokens, and shares quotas.
#[derive(SimpleObject)]
pub struct Tenant {
    name: String,
    /// For people; null if nobody has made this tenant known to fleetgraph, and only a credential names it.
    display_name: Option<String>,
    /// As they hold now, for all its callers together.
    quotas: TenantQuotas,
    created_at: Option<DateTime>,
    created_by: Option<String>,
}

impl Tenant {
    fn new(name: &str, stored: Option<Stored>, quotas: TenantQuotas) -> Self {
        let (display_name, created_at, created_by) = stored
            .map(|tenant| (tenant.display_name, DateTime(tenant.created_at), tenant.created_by))
            .map_or((None, None, None), |(name, at, by)| (Some(name), Some(at), Some(by)));
        Self { name: name.to_owned(), display_name, quotas, created_at, created_by }
    }
}

/// What all callers of a tenant may ask for together; null is without a bound.
#[derive(SimpleObject, Debug, Clone, Copy, PartialEq, Eq)]
pub struct TenantQuotas {
    /// Operations a second, on average.
    requests_per_second: Option<i32>,
    /// Estimated nodes of answers a minute.
    complexity_per_minute: Option<i32>,
    /// Open at once.
    subscriptions: Option<i32>,
}

impl TenantQuotas {
    /// Of bounds where 0 is none.
    #[must_use]
    pub fn new(requests_per_second: u32, complexity_per_minute: u32, subscriptions: u32) -> Self {
        // What GraphQL's Int can't tell is as good as no bound.
        let bound = |bound| i32::try_from(bound).ok().filter(|bound| *bound > 0);
        Self {
            requests_per_second: bound(requests_per_second),
            complexity_per_minute: bound(complexity_per_minute),
            subscriptions: bound(subscriptions),
        }
    }
}
