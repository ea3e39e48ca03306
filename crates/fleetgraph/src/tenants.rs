//! Tenants of the catalog with quotas of their own: a running server takes them up, and what it goes by can be shown.

use std::{collections::BTreeMap, convert::Infallible, sync::Arc, time::Duration};

use access::quota::{Quotas, TenantOverride};
use catalog::{Catalog, CatalogError, Tenant};
use graphql::{TenantBounds, TenantQuotas};
use tokio::time::MissedTickBehavior;

/// How often the catalog is asked whether anything changed, which is one cheap question.
const FOLLOW: Duration = Duration::from_secs(1);

/// Keeps the quotas of tenants as the catalog has them.
pub struct TenantFollower {
    catalog: Catalog,
    quotas: Arc<Quotas>,
    /// The catalog's, when its tenants were read.
    counter: i64,
    /// Whether the catalog's silence was reported.
    silent: bool,
}

impl TenantFollower {
    /// Reads them for the first time.
    ///
    /// # Errors
    /// When the catalog doesn't answer.
    pub async fn new(catalog: Catalog, quotas: Arc<Quotas>) -> Result<Self, CatalogError> {
        let counter = catalog.changes().await?.tenants;
        quotas.override_tenants(&overrides(&catalog.tenants().await?));
        Ok(Self { catalog, quotas, counter, silent: false })
    }

    /// Follows the catalog until it is dropped. While that doesn't answer, the quotas stay as they are.
    pub async fn run(mut self) -> Infallible {
        let mut ticks = tokio::time::interval(FOLLOW);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let looked = self.look().await;
            if let Err(error) = &looked
                && !self.silent
            {
                tracing::warn!(%error, "the catalog can't be followed; the quotas of tenants stay as they are");
            }
            self.silent = looked.is_err();
        }
    }

    /// The counter is read first: what changes in between is read again.
    async fn look(&mut self) -> Result<(), CatalogError> {
        let counter = self.catalog.changes().await?.tenants;
        if counter != self.counter {
            self.quotas.override_tenants(&overrides(&self.catalog.tenants().await?));
            self.counter = counter;
            tracing::info!("the quotas of tenants are as the catalog has them now");
        }
        Ok(())
    }
}

fn overrides(tenants: &[Tenant]) -> BTreeMap<Arc<str>, TenantOverride> {
    let own = |tenant: &Tenant| TenantOverride {
        requests_per_second: tenant.quotas.requests_per_second,
        complexity_per_minute: tenant.quotas.cost_per_minute,
        subscriptions: tenant.quotas.subscriptions,
    };
    tenants.iter().map(|tenant| (Arc::from(tenant.name.as_str()), own(tenant))).collect()
}

/// The bounds that hold, for who asks about them.
#[derive(Debug)]
pub struct InForce(pub Arc<Quotas>);

impl TenantBounds for InForce {
    fn of(&self, tenant: &str) -> TenantQuotas {
        let quota = self.0.tenant(tenant);
        TenantQuotas::new(quota.requests_per_second, quota.complexity_per_minute, quota.subscriptions)
    }
}

#[cfg(test)]
mod tests {
    use access::quota::{QuotaConfig, TenantQuota};
    use catalog::{Location, NewTenant, Settings, seal::Sealer};

    use super::*;

    #[tokio::test]
    async fn an_override_is_taken_up_changed_and_given_up_as_the_catalog_says() {
        let catalog = Catalog::open(&Settings::new(Location::Memory), Sealer::without_keys()).await.unwrap();
        let tenant = TenantQuota { requests_per_second: 50, subscriptions: 7, ..TenantQuota::default() };
        let quotas = Arc::new(Quotas::new(&QuotaConfig { tenant, ..QuotaConfig::default() }));
        let mut follower = TenantFollower::new(catalog.clone(), Arc::clone(&quotas)).await.unwrap();
        assert_eq!(quotas.tenant("shop"), tenant);

        let own = catalog::Quotas { requests_per_second: Some(3), ..catalog::Quotas::default() };
        let new = NewTenant {
            name: "shop".to_owned(),
            display_name: String::new(),
            quotas: own,
            created_by: "test".to_owned(),
        };
        catalog.create_tenant(new).await.unwrap();
        follower.look().await.unwrap();
        assert_eq!(quotas.tenant("shop"), TenantQuota { requests_per_second: 3, ..tenant });
        assert_eq!(quotas.tenant("bank"), tenant);

        let free = catalog::Quotas { subscriptions: Some(0), ..catalog::Quotas::default() };
        catalog.update_tenant("shop", "", free).await.unwrap();
        follower.look().await.unwrap();
        assert_eq!(quotas.tenant("shop"), TenantQuota { subscriptions: 0, ..tenant });

        catalog.remove_tenant("shop").await.unwrap();
        follower.look().await.unwrap();
        assert_eq!(quotas.tenant("shop"), tenant);

        // What was there at the start is read at the start.
        catalog.update_tenant("default", "", own).await.unwrap();
        TenantFollower::new(catalog.clone(), Arc::clone(&quotas)).await.unwrap();
        assert_eq!(quotas.tenant("default").requests_per_second, 3);

        // Without the catalog, the quotas stay.
        catalog.close().await;
        assert!(follower.look().await.is_err());
        assert_eq!(quotas.tenant("default").requests_per_second, 3);
    }
}
