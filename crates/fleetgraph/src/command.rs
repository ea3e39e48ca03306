//! The commands over the catalog: API tokens, tenants, keys and the audit trail, for whoever has its file or its database.

mod key;
mod tenant;

use std::{fmt::Write as _, io::Write as _, path::PathBuf, sync::Arc, time::Duration};

use access::authn::PREFIX;
use anyhow::{Context, bail};
use catalog::{
    ApiToken, Catalog, NewToken, TokenId,
    audit::{AuditEntry, AuditFilter, AuditHead, AuditRecord, Break, Outcome, Verification},
};
use clap::{Args, Subcommand};
use fleetgraph_core::{Bounds, Principal, Timestamp};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::{config::Config, remembered};

pub use self::{
    key::{KeyCommand, key},
    tenant::{TenantCommand, tenant},
};

/// What can be done with API tokens.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token, and print it: it is not shown again.
    Create {
        /// For people, such as "deploy bot of the shop".
        #[arg(long)]
        name: String,
        /// The user that its bearer is to the clusters: their roles and bindings say what it may see.
        #[arg(long)]
        user: String,
        /// A group of that user; repeatable.
        #[arg(long = "group")]
        groups: Vec<String>,
        /// A tenant whose clusters it may know of; repeatable [default: default].
        #[arg(long = "tenant")]
        tenants: Vec<String>,
        /// The id of a cluster that it stays within; repeatable. Without any, all.
        #[arg(long = "cluster")]
        clusters: Vec<String>,
        /// A namespace that it stays within; repeatable. Without any, all, and what is cluster-scoped.
        #[arg(long = "namespace")]
        namespaces: Vec<String>,
        /// Nothing can be changed with it.
        #[arg(long)]
        read_only: bool,
        /// Its bearer administers fleetgraph itself, within its tenants.
        #[arg(long)]
        admin: bool,
        /// How long it holds, such as 30d or 12h.
        #[arg(long, value_name = "TIME", default_value = "90d", value_parser = humantime::parse_duration)]
        expires_in: Duration,
        #[command(flatten)]
        catalog: CatalogArguments,
    },
    /// List the tokens, without their secrets.
    List {
        #[command(flatten)]
        catalog: CatalogArguments,
    },
    /// Revoke a token, for good and everywhere.
    Revoke {
        /// The middle part of `fgt_ID_SECRET`, as the list shows it; of a whole token, no more than that is looked at.
        id: String,
        #[command(flatten)]
        catalog: CatalogArguments,
    },
}

/// Which catalog it is.
#[derive(Debug, Args)]
pub struct CatalogArguments {
    /// Configuration file of the server, whose `catalog` it is.
    #[arg(long, value_name = "FILE", env = "FLEETGRAPH_CONFIG")]
    pub config: Option<PathBuf>,
    /// PostgreSQL instead of what the file says.
    #[arg(long, value_name = "DSN", env = "POSTGRES_DSN", hide_env_values = true)]
    pub postgres_dsn: Option<String>,
}

impl TokenCommand {
    pub fn catalog(&self) -> &CatalogArguments {
        match self {
            Self::Create { catalog, .. } | Self::List { catalog } | Self::Revoke { catalog, .. } => catalog,
        }
    }
}

impl AuditCommand {
    pub fn catalog(&self) -> &CatalogArguments {
        let (Self::Verify { catalog, .. } | Self::List { catalog, .. }) = self;
        catalog
    }
}

/// What can be looked at of the audit trail.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Print records of all tenants and of none, newest first, each as a line of JSON: what was done by command, and
    /// credentials that were refused, belong to no tenant.
    List {
        /// Records at most.
        #[arg(long, value_name = "COUNT", default_value_t = 100)]
        limit: u32,
        #[command(flatten)]
        catalog: CatalogArguments,
    },
    /// Walk the whole chain, and say whether a record was changed, removed or put elsewhere.
    Verify {
        /// The head of the trail at an earlier time, as a server's log or this command has told it: then it is found as well
        /// if all of the trail was written anew since.
        #[arg(long, value_name = "SEQUENCE:HASH")]
        head: Option<AuditHead>,
        #[command(flatten)]
        catalog: CatalogArguments,
    },
}

/// Who is on record for what is done by command: whoever has the catalog's file or database.
const COMMAND: &str = "command line";

/// `fleetgraph token …`
///
/// # Errors
/// When there is no catalog that is kept, or it refuses.
pub fn token(config: &Config, command: &TokenCommand) -> anyhow::Result<String> {
    over(config, async |catalog| match command {
        TokenCommand::Create { .. } => create(&catalog, command).await,
        TokenCommand::List { .. } => list(&catalog).await,
        TokenCommand::Revoke { id, .. } => {
            let id = id_of(id);
            let known = catalog.token(&id).await?;
            let tenant = known.and_then(|token| token.principal.first_tenant());
            let deed = Deed { tenant, ..Deed::new("revokeApiToken", format!("ApiToken {id}")) };
            let revoked = async { Ok(catalog.revoke_token(&id, COMMAND).await?) };
            let token = audited(&catalog, deed, revoked).await?;
            Ok(format!("revoked {} ({})\n", token.id, token.name))
        }
    })
}

/// `fleetgraph audit …`
///
/// # Errors
/// When there is no catalog that is kept, or the trail is broken.
pub fn audit(config: &Config, command: &AuditCommand) -> anyhow::Result<String> {
    over(config, async |catalog| match command {
        AuditCommand::List { limit, .. } => records(&catalog, *limit).await,
        AuditCommand::Verify { head, .. } => match catalog.verify_audit(head.as_ref()).await? {
            Verification::Intact(head) => {
                Ok(format!("{} records, none changed or missing; the last is {head}\n", head.seq))
            }
            Verification::Broken { seq, how } => {
                bail!("the audit trail is broken at record {seq}: {}", broken(how))
            }
        },
    })
}

/// The id of a token, also of a whole one: its secret must get neither into a message nor on record.
fn id_of(text: &str) -> TokenId {
    let rest = text.strip_prefix(PREFIX).unwrap_or(text);
    TokenId::from(rest.split('_').next().unwrap_or_default())
}

/// A line of JSON for each record, newest first.
async fn records(catalog: &Catalog, limit: u32) -> anyhow::Result<String> {
    let mut text = String::new();
    let (mut before, mut left) = (None, limit);
    while left > 0 {
        let page = catalog.audit(&AuditFilter::default(), before, left.min(PAGE)).await?;
        let Some(last) = page.last() else { break };
        before = Some(last.seq);
        left -= u32::try_from(page.len()).unwrap_or(left).min(left);
        for AuditEntry { seq, record, .. } in page {
            let line = json!({
                "seq": seq,
                "at": record.at.to_string(),
                "outcome": record.outcome.as_str(),
                "user": record.user,
                "credential": record.credential,
                "method": record.method,
                "address": record.address,
                "tenant": record.tenant,
                "action": record.action,
                "cluster": record.cluster,
                "object": record.object,
                "code": record.code,
                "requestId": record.request_id,
                "traceId": record.trace_id,
                "details": record.details,
            });
            writeln!(text, "{line}")?;
        }
    }
    Ok(text)
}

fn broken(how: Break) -> &'static str {
    match how {
        Break::Changed => "it was changed, or another stands in its place",
        Break::Removed => "it was removed, and there are later ones",
        Break::Truncated => "it and all after it were removed",
        Break::AfterHead => "it stands after the last that was written",
        Break::Head => "the records agree with one another, and not with the note of the last",
        Break::Rewritten => "all records were written anew",
    }
}

fn over(
    config: &Config,
    work: impl AsyncFnOnce(Catalog) -> anyhow::Result<String>,
) -> anyhow::Result<String> {
    if !config.catalog.is_kept() {
        bail!(
            "there is no catalog that is kept: configure `catalog.directory`, or POSTGRES_DSN, as for `serve`"
        );
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let catalog = remembered::open(&config.catalog).await?;
        let outcome = work(catalog.clone()).await;
        catalog.close().await;
        outcome
    })
}

/// What is about to be done.
struct Deed {
    action: &'static str,
    /// Whose administrators find it in their part of the trail.
    tenant: Option<String>,
    object: String,
    /// Without secrets.
    details: Value,
}

impl Deed {
    fn new(action: &'static str, object: String) -> Self {
        Self { action, tenant: None, object, details: Value::Null }
    }

    fn record(&self, outcome: Outcome) -> AuditRecord {
        AuditRecord {
            at: Timestamp::now(),
            user: COMMAND.to_owned(),
            credential: String::new(),
            method: "command".to_owned(),
            address: None,
            tenant: self.tenant.clone(),
            action: self.action.to_owned(),
            cluster: None,
            object: Some(self.object.clone()),
            request_id: None,
            trace_id: None,
            outcome,
            code: None,
            details: self.details.clone(),
        }
    }
}

/// Does something and records it: the intent first, then what came of it.
async fn audited<T>(
    catalog: &Catalog,
    deed: Deed,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let write = async |outcome| catalog.append_audit(&[deed.record(outcome)]).await;
    write(Outcome::Intent).await.context("what isn't on record isn't done")?;
    let done = work.await;
    if let Err(error) = write(if done.is_ok() { Outcome::Success } else { Outcome::Failure }).await {
        // It is done, and a token that was made is shown only now.
        let _ =
            writeln!(std::io::stderr(), "fleetgraph: the result is missing from the audit trail: {error}");
    }
    done
}

async fn create(catalog: &Catalog, command: &TokenCommand) -> anyhow::Result<String> {
    let TokenCommand::Create {
        name,
        user,
        groups,
        tenants,
        clusters,
        namespaces,
        read_only,
        admin,
        expires_in,
        catalog: _,
    } = command
    else {
        bail!("not a token to be made");
    };
    let set = |names: &[String]| {
        (!names.is_empty()).then(|| Arc::new(names.iter().map(|name| Arc::from(name.as_str())).collect()))
    };
    let bounds = Bounds { clusters: set(clusters), namespaces: set(namespaces), read_only: *read_only };
    let groups = groups.iter().map(String::as_str).chain(["system:authenticated"]);
    let tenants: Vec<&str> =
        if tenants.is_empty() { vec!["default"] } else { tenants.iter().map(String::as_str).collect() };
    let principal = Principal { admin: *admin, bounds, ..Principal::new(user.as_str()) }
        .in_groups(groups)
        .of_tenants(tenants);
    let expires_at = Timestamp::now().plus(*expires_in);
    let new = NewToken {
        name: name.clone(),
        principal,
        expires_at: Some(expires_at),
        created_by: COMMAND.to_owned(),
    };
    new.check()?;
    let (tenant, details) = (new.principal.first_tenant(), new.details());
    let deed =
        Deed { tenant, details, ..Deed::new("createApiToken", format!("ApiToken {name:?} of {user:?}")) };
    let issued = audited(catalog, deed, async { Ok(catalog.issue_token(new).await?) }).await?;
    Ok(format!("{}\n", issued.plain.expose_secret()))
}

/// Tokens that are read at once.
const PAGE: u32 = 500;

async fn list(catalog: &Catalog) -> anyhow::Result<String> {
    let mut text = format!(
        "{:<24} {:<28} {:<28} {:<10} {:<22} {:<22}\n",
        "ID", "NAME", "USER", "STATE", "EXPIRES", "LAST USED"
    );
    let mut after = None;
    loop {
        let page = catalog.tokens(None, after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(text) };
        after = Some(last.id.clone());
        for token in &page {
            let time =
                |time: Option<Timestamp>| time.map_or_else(|| "never".to_owned(), |time| time.to_string());
            writeln!(
                text,
                "{:<24} {:<28} {:<28} {:<10} {:<22} {:<22}",
                token.id.as_str(),
                shown(&token.name),
                shown(&token.principal.user),
                state(token),
                time(token.expires_at),
                time(token.last_used_at)
            )?;
        }
    }
}

/// A name as it can stand in a line of a terminal, whatever somebody has put into it.
fn shown(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn state(token: &ApiToken) -> &'static str {
    if token.revoked_at.is_some() {
        "revoked"
    } else if token.expires_at.is_some_and(|at| at <= Timestamp::now()) {
        "expired"
    } else {
        "valid"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_whole_token_no_more_than_its_id_is_looked_at() {
        for text in ["1c79d2f3", "fgt_1c79d2f3", "fgt_1c79d2f3_hush", "1c79d2f3_hush", "fgt_1c79d2f3_hu_sh"] {
            assert_eq!(id_of(text), TokenId::from("1c79d2f3"), "{text}");
        }
    }

    #[test]
    fn a_name_forges_no_line() {
        assert_eq!(shown("a\u{1b}[31m\nb"), "a\u{fffd}[31m\u{fffd}b");
    }
}
