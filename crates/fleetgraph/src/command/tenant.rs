//! `fleetgraph tenant`: who owns clusters and tokens, and how much of fleetgraph each may use. There are no mutations for
//! it: a quota binds the administrators of its tenant too, and so is not theirs to set.

use std::{fmt::Write as _, str::FromStr};

use anyhow::{Context, bail};
use catalog::{Catalog, CatalogError, DEFAULT_TENANT, NewTenant, Quotas, Tenant};
use clap::{Args, Subcommand};
use serde_json::json;

use super::{COMMAND, CatalogArguments, Deed, audited, over};
use crate::config::Config;

/// What can be done with tenants.
#[derive(Debug, Subcommand)]
pub enum TenantCommand {
    /// Make a tenant. One that is merely named by tokens of an issuer needs no making, unless it is to have quotas.
    Create {
        /// As a DNS label: at most 63 of a-z, 0-9 and '-', neither first nor last a '-'.
        name: String,
        /// For people; the name, if missing.
        #[arg(long)]
        display_name: Option<String>,
        #[command(flatten)]
        quotas: QuotaArguments,
        #[command(flatten)]
        catalog: CatalogArguments,
    },
    /// List the tenants with the quotas that they don't share with all.
    List {
        #[command(flatten)]
        catalog: CatalogArguments,
    },
    /// Change a tenant; what isn't given stays. Running servers take it up within seconds.
    Update {
        /// As in the list.
        name: String,
        /// For people.
        #[arg(long)]
        display_name: Option<String>,
        #[command(flatten)]
        quotas: QuotaArguments,
        #[command(flatten)]
        catalog: CatalogArguments,
    },
    /// Delete a tenant that has no clusters, and never had an API token.
    Delete {
        /// As in the list.
        name: String,
        #[command(flatten)]
        catalog: CatalogArguments,
    },
}

/// Bounds of all callers of the tenant together: a number, 0 for none, or `default` for that of `quotas.tenant` in the
/// configuration.
#[derive(Debug, Args)]
pub struct QuotaArguments {
    /// Operations a second, 0 for no bound, or `default` for the configuration's.
    #[arg(long, value_name = "NUMBER")]
    requests_per_second: Option<Bound>,
    /// Estimated nodes of answers a minute, 0 for no bound, or `default` for the configuration's.
    #[arg(long, value_name = "NUMBER")]
    complexity_per_minute: Option<Bound>,
    /// Subscriptions open at once, 0 for no bound, or `default` for the configuration's.
    #[arg(long, value_name = "NUMBER")]
    subscriptions: Option<Bound>,
}

/// A bound as it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    Default,
    Of(u32),
}

impl FromStr for Bound {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "default" => Ok(Self::Default),
            number => number.parse().map(Self::Of).map_err(|_| "give a number, or `default`"),
        }
    }
}

impl QuotaArguments {
    /// The quotas, with what is given.
    fn over(&self, mut quotas: Quotas) -> Quotas {
        let given = [
            (&mut quotas.requests_per_second, self.requests_per_second),
            (&mut quotas.cost_per_minute, self.complexity_per_minute),
            (&mut quotas.subscriptions, self.subscriptions),
        ];
        for (quota, bound) in given {
            match bound {
                None => {}
                Some(Bound::Default) => *quota = None,
                Some(Bound::Of(number)) => *quota = Some(number),
            }
        }
        quotas
    }
}

impl TenantCommand {
    pub fn catalog(&self) -> &CatalogArguments {
        match self {
            Self::Create { catalog, .. }
            | Self::List { catalog }
            | Self::Update { catalog, .. }
            | Self::Delete { catalog, .. } => catalog,
        }
    }
}

/// `fleetgraph tenant …`
///
/// # Errors
/// When there is no catalog that is kept, or it refuses.
pub fn tenant(config: &Config, command: &TenantCommand) -> anyhow::Result<String> {
    over(config, async |catalog| match command {
        TenantCommand::Create { name, display_name, quotas, .. } => {
            let new = NewTenant {
                name: name.clone(),
                display_name: display_name.clone().unwrap_or_else(|| name.clone()),
                quotas: quotas.over(Quotas::default()),
                created_by: COMMAND.to_owned(),
            };
            let deed = deed("createTenant", name, Some(new.quotas));
            audited(&catalog, deed, async { Ok(catalog.create_tenant(new).await?) }).await?;
            Ok(format!("created {name}\n"))
        }
        TenantCommand::List { .. } => list(&catalog.tenants().await?),
        TenantCommand::Update { name, display_name, quotas, .. } => {
            let known = known(&catalog, name).await?;
            let quotas = quotas.over(known.quotas);
            let display_name = display_name.as_deref().unwrap_or(&known.display_name);
            let deed = deed("updateTenant", name, Some(quotas));
            let work = async { Ok(catalog.update_tenant(name, display_name, quotas).await?) };
            audited(&catalog, deed, work).await?;
            Ok(format!("updated {name}\n"))
        }
        TenantCommand::Delete { name, .. } => {
            let owned: Vec<_> = config
                .clusters
                .iter()
                .filter(|cluster| cluster.tenant == *name)
                .map(|cluster| &*cluster.id)
                .collect();
            if !owned.is_empty() {
                bail!(
                    "the configuration gives {name:?} the clusters {}; give them to another tenant first",
                    owned.join(", ")
                );
            }
            let work = async { catalog.remove_tenant(name).await.map_err(|error| why_it_stays(name, error)) };
            audited(&catalog, deed("deleteTenant", name, None), work).await?;
            Ok(format!("deleted {name}\n"))
        }
    })
}

fn deed(action: &'static str, name: &str, quotas: Option<Quotas>) -> Deed {
    Deed {
        tenant: Some(name.to_owned()),
        details: quotas.map_or(serde_json::Value::Null, |quotas| {
            json!({
                "requestsPerSecond": quotas.requests_per_second,
                "complexityPerMinute": quotas.cost_per_minute,
                "subscriptions": quotas.subscriptions,
            })
        }),
        ..Deed::new(action, format!("Tenant {name:?}"))
    }
}

async fn known(catalog: &Catalog, name: &str) -> anyhow::Result<Tenant> {
    let known = catalog.tenants().await?.into_iter().find(|tenant| tenant.name == name);
    known.with_context(|| format!("there is no tenant {name:?}"))
}

fn why_it_stays(name: &str, error: CatalogError) -> anyhow::Error {
    let in_use = matches!(error, CatalogError::InUse { .. });
    let error = anyhow::Error::from(error);
    match in_use {
        true if name == DEFAULT_TENANT => error.context("the default tenant always exists"),
        true => error.context(
            "it has clusters, which can be disconnected, or had API tokens: those that ended are listed with their tenant",
        ),
        false => error,
    }
}

fn list(tenants: &[Tenant]) -> anyhow::Result<String> {
    let mut text = format!(
        "{:<24} {:<28} {:>12} {:>16} {:>14}  {:<22}\n",
        "NAME", "DISPLAY NAME", "REQUESTS/S", "COMPLEXITY/MIN", "SUBSCRIPTIONS", "CREATED"
    );
    for tenant in tenants {
        let Quotas { requests_per_second, cost_per_minute, subscriptions } = tenant.quotas;
        writeln!(
            text,
            "{:<24} {:<28} {:>12} {:>16} {:>14}  {:<22}",
            tenant.name,
            super::shown(&tenant.display_name),
            shown(requests_per_second),
            shown(cost_per_minute),
            shown(subscriptions),
            tenant.created_at.to_string()
        )?;
    }
    Ok(text)
}

fn shown(quota: Option<u32>) -> String {
    match quota {
        None => "default".to_owned(),
        Some(0) => "unbounded".to_owned(),
        Some(number) => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_given_changes_a_quota() {
        let known = Quotas { requests_per_second: Some(5), cost_per_minute: Some(9), subscriptions: None };
        let given = QuotaArguments {
            requests_per_second: None,
            complexity_per_minute: Some("default".parse().unwrap()),
            subscriptions: Some("0".parse().unwrap()),
        };
        let quotas = given.over(known);
        assert_eq!(
            quotas,
            Quotas { requests_per_second: Some(5), cost_per_minute: None, subscriptions: Some(0) }
        );
        assert_eq!(
            [quotas.requests_per_second, quotas.cost_per_minute, quotas.subscriptions].map(shown),
            ["5", "default", "unbounded"]
        );
    }

    #[test]
    fn a_bound_is_a_number_or_the_word() {
        for wrong in ["", "-1", "1.5", "none", "4294967296"] {
            assert!(wrong.parse::<Bound>().is_err(), "{wrong}");
        }
    }
}
