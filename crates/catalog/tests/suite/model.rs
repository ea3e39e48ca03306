//! Random work against a plain model in memory, on both engines: what the model says, the catalog says.

use std::collections::{BTreeMap, BTreeSet};

use crate::bed::{Bed, cluster_id, record, tenant, token_for};
use anyhow::{Context, Result, ensure};
use catalog::audit::{AuditFilter, AuditRecord, Outcome, Verification};
use catalog::seal::Sealer;
use catalog::{Catalog, CatalogError, ClusterChange, NewCluster, NewToken, TokenId, Verdict};
use fleetgraph_core::Principal;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use secrecy::{ExposeSecret, SecretSlice, SecretString};

#[derive(Debug, Clone)]
enum Step {
    CreateTenant(u8),
    RemoveTenant(u8),
    /// User, tenants.
    Issue(String, BTreeSet<u8>),
    /// Which of the tokens, modulo how many there are.
    Revoke(usize),
    Verify(usize),
    ListTokens(Option<u8>),
    /// Id, tenant, name, document.
    Insert(u8, u8, String, Vec<u8>),
    Update(u8, u8, String, Option<Vec<u8>>),
    Remove(u8),
    ReadClusters(Option<u8>),
    Append(Vec<(String, u8, Outcome)>),
    /// User, tenants, outcome, before, limit.
    Query(Option<String>, Option<BTreeSet<u8>>, Option<Outcome>, Option<i64>, u32),
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Few names, so that steps meet; texts with what engines treat differently.
    let name = || 0..4u8;
    let names = || proptest::collection::btree_set(name(), 0..3);
    let text =
        || prop_oneof![Just("alice".to_owned()), Just("Alice".to_owned()), "[a'\"\\\\%é\u{1f980} \0]{1,4}"];
    let outcome = || prop_oneof![Just(Outcome::Intent), Just(Outcome::Success), Just(Outcome::Failure)];
    let bytes = || proptest::collection::vec(any::<u8>(), 0..20);
    let maybe = proptest::option::of::<std::ops::Range<u8>>;
    let step = prop_oneof![
        2 => name().prop_map(Step::CreateTenant),
        1 => name().prop_map(Step::RemoveTenant),
        3 => (text(), names()).prop_map(|(user, tenants)| Step::Issue(user, tenants)),
        1 => any::<usize>().prop_map(Step::Revoke),
        3 => any::<usize>().prop_map(Step::Verify),
        1 => maybe(name()).prop_map(Step::ListTokens),
        3 => (name(), name(), text(), bytes()).prop_map(|(id, of, name, doc)| Step::Insert(id, of, name, doc)),
        2 => (name(), name(), text(), proptest::option::of(bytes()))
            .prop_map(|(id, of, name, doc)| Step::Update(id, of, name, doc)),
        1 => name().prop_map(Step::Remove),
        2 => maybe(name()).prop_map(Step::ReadClusters),
        3 => proptest::collection::vec((text(), name(), outcome()), 0..6).prop_map(Step::Append),
        2 => (
            proptest::option::of(text()),
            proptest::option::of(names()),
            proptest::option::of(outcome()),
            proptest::option::of(0..30i64),
            0..10u32,
        )
            .prop_map(|(user, tenants, outcome, before, limit)| Step::Query(user, tenants, outcome, before, limit)),
        1 => Just(Step::Reopen),
    ];
    proptest::collection::vec(step, 1..40)
}

#[derive(Default)]
struct Model {
    tenants: BTreeSet<String>,
    tokens: Vec<ModelToken>,
    clusters: BTreeMap<String, (ClusterChange, Vec<u8>)>,
    audit: Vec<AuditRecord>,
}

struct ModelToken {
    id: TokenId,
    plain: SecretString,
    user: String,
    tenants: BTreeSet<String>,
    revoked: bool,
}

/// Tenant 0 is the default one.
fn tenant_name(number: u8) -> String {
    if number == 0 { "default".to_owned() } else { format!("t{number}") }
}

fn change(tenant: u8, name: &str) -> ClusterChange {
    ClusterChange {
        tenant: tenant_name(tenant),
        name: name.to_owned(),
        environment: String::new(),
        region: "eu".to_owned(),
        server: String::new(),
        disabled: name.len() > 3,
    }
}

/// An outcome without what differs from run to run.
fn told<T>(result: Result<T, CatalogError>) -> Result<Result<T, &'static str>> {
    Ok(match result {
        Ok(value) => Ok(value),
        Err(CatalogError::Exists { .. }) => Err("exists"),
        Err(CatalogError::NotFound { .. }) => Err("not found"),
        Err(CatalogError::InUse { .. }) => Err("in use"),
        Err(CatalogError::Invalid(_)) => Err("invalid"),
        Err(error) => return Err(error.into()),
    })
}

impl Model {
    fn remove_tenant(&mut self, name: &str) -> Result<(), &'static str> {
        let used = name == "default"
            || self.tokens.iter().any(|token| token.tenants.contains(name))
            || self.clusters.values().any(|(cluster, _)| cluster.tenant == name);
        match (used, self.tenants.remove(name)) {
            (true, present) => {
                if present {
                    self.tenants.insert(name.to_owned());
                }
                Err("in use")
            }
            (false, true) => Ok(()),
            (false, false) => Err("not found"),
        }
    }

    fn check_cluster(&self, cluster: &ClusterChange) -> Result<(), &'static str> {
        match (cluster.name.contains('\0'), self.tenants.contains(&cluster.tenant)) {
            (true, _) => Err("invalid"),
            (false, false) => Err("not found"),
            (false, true) => Ok(()),
        }
    }

    fn found(&self, filter: &AuditFilter, before: Option<i64>, limit: u32) -> Vec<(i64, AuditRecord)> {
        let all = self.audit.iter().enumerate().rev().map(|(at, record)| (at as i64 + 1, record));
        all.filter(|(seq, record)| {
            before.is_none_or(|before| *seq < before)
                && filter.user.as_ref().is_none_or(|user| clean(user) == record.user)
                && filter.outcome.is_none_or(|outcome| outcome == record.outcome)
                && filter
                    .tenants
                    .as_ref()
                    .is_none_or(|of| record.tenant.as_ref().is_some_and(|it| of.contains(it)))
        })
        .take(limit as usize)
        .map(|(seq, record)| (seq, record.clone()))
        .collect()
    }
}

async fn run(bed: &Bed, steps: Vec<Step>) -> Result<()> {
    let sealer = Sealer::ephemeral()?;
    let mut catalog = bed.open_with(sealer.clone()).await?;
    let mut model = Model { tenants: BTreeSet::from(["default".to_owned()]), ..Model::default() };
    let mut before = catalog.changes().await?;
    for step in steps {
        if matches!(step, Step::Reopen) {
            catalog.close().await;
            catalog = bed.open_with(sealer.clone()).await?;
            continue;
        }
        let text = format!("{step:?}");
        let topics = obey(&catalog, &mut model, step).await.with_context(|| text.clone())?;
        let now = catalog.changes().await?;
        let moved =
            [now.tokens != before.tokens, now.clusters != before.clusters, now.tenants != before.tenants];
        ensure!(moved == topics, "{text}: counters went from {before:?} to {now:?}");
        before = now;
    }
    let Verification::Intact(head) = catalog.verify_audit(None).await? else {
        anyhow::bail!("the trail is broken")
    };
    ensure!(head.seq == i64::try_from(model.audit.len())?);
    catalog.close().await;
    Ok(())
}

/// Does a step in both and compares. Answers which counters must have moved: tokens, clusters, tenants.
async fn obey(catalog: &Catalog, model: &mut Model, step: Step) -> Result<[bool; 3]> {
    const NONE: [bool; 3] = [false; 3];
    match step {
        Step::CreateTenant(number) => {
            let name = tenant_name(number);
            let told = told(catalog.create_tenant(tenant(&name)).await)?.map(drop);
            let expected = if model.tenants.insert(name) { Ok(()) } else { Err("exists") };
            ensure!(told == expected, "{told:?} {expected:?}");
            Ok([false, false, told.is_ok()])
        }
        Step::RemoveTenant(number) => {
            let name = tenant_name(number);
            let told = told(catalog.remove_tenant(&name).await)?;
            let expected = model.remove_tenant(&name);
            ensure!(told == expected, "{told:?} {expected:?}");
            Ok([false, false, told.is_ok()])
        }
        Step::Issue(user, tenants) => {
            let tenants: BTreeSet<_> = tenants.into_iter().map(tenant_name).collect();
            let principal = Principal::new(user.as_str()).of_tenants(tenants.iter().map(String::as_str));
            let told = told(catalog.issue_token(NewToken { principal, ..token_for("x") }).await)?;
            let expected = match (user.contains('\0'), tenants.is_subset(&model.tenants)) {
                (true, _) => Err("invalid"),
                (false, false) => Err("not found"),
                (false, true) => Ok(()),
            };
            ensure!(told.as_ref().map(drop).map_err(|text| *text) == expected, "{told:?} {expected:?}");
            let Ok(issued) = told else { return Ok(NONE) };
            model.tokens.push(ModelToken {
                id: issued.token.id,
                plain: issued.plain,
                user,
                tenants,
                revoked: false,
            });
            Ok([true, false, false])
        }
        Step::Revoke(which) => {
            let count = model.tokens.len().max(1);
            let Some(token) = model.tokens.get_mut(which % count) else { return Ok(NONE) };
            catalog.revoke_token(&token.id, "admin").await?;
            let first = !std::mem::replace(&mut token.revoked, true);
            Ok([first, false, false])
        }
        Step::Verify(which) => {
            let Some(token) = model.tokens.get(which % model.tokens.len().max(1)) else { return Ok(NONE) };
            match catalog.verify_token(&token.plain).await? {
                Verdict::Valid(read) if !token.revoked => {
                    ensure!(*read.principal.user == token.user);
                    ensure!(
                        read.principal
                            .tenants
                            .iter()
                            .map(|it| it.to_string())
                            .eq(token.tenants.iter().cloned())
                    );
                }
                Verdict::Revoked(_) if token.revoked => {}
                verdict => anyhow::bail!("{verdict:?}"),
            }
            Ok(NONE)
        }
        Step::ListTokens(of) => {
            let of = of.map(tenant_name);
            let listed = catalog.tokens(of.as_deref(), None, 1000).await?;
            let listed: Vec<_> =
                listed.into_iter().map(|it| (it.id.clone(), it.revoked_at.is_some())).collect();
            let mut expected: Vec<_> = model
                .tokens
                .iter()
                .filter(|token| of.as_ref().is_none_or(|of| token.tenants.contains(of)))
                .map(|token| (token.id.clone(), token.revoked))
                .collect();
            expected.sort();
            ensure!(listed == expected, "{listed:?} {expected:?}");
            Ok(NONE)
        }
        Step::Insert(id, of, name, document) => {
            let (id, cluster) = (format!("c{id}"), change(of, &name));
            let new = NewCluster {
                id: cluster_id(&id)?,
                cluster: cluster.clone(),
                document: SecretSlice::from(document.clone()),
                created_by: "admin".to_owned(),
            };
            let told = told(catalog.insert_cluster(new).await)?.map(drop);
            // Which of two reasons is told is up to the engine.
            let expected = match model.check_cluster(&cluster) {
                Err("not found") if model.clusters.contains_key(&id) => told,
                Ok(()) if model.clusters.contains_key(&id) => Err("exists"),
                checked => checked,
            };
            ensure!(told == expected, "{told:?} {expected:?}");
            if told.is_ok() {
                ensure!(model.clusters.insert(id, (cluster, document)).is_none(), "it was there");
            }
            Ok([false, told.is_ok(), false])
        }
        Step::Update(id, of, name, document) => {
            let (id, cluster) = (format!("c{id}"), change(of, &name));
            let Some(known) = catalog.cluster(&cluster_id(&id)?).await? else {
                ensure!(!model.clusters.contains_key(&id));
                return Ok(NONE);
            };
            let new = document.clone().map(SecretSlice::from);
            let told = told(catalog.update_cluster(&known, cluster.clone(), new).await)?.map(drop);
            ensure!(told == model.check_cluster(&cluster), "{told:?}");
            if told.is_ok() {
                let stored = model.clusters.get_mut(&id).context("the model has it")?;
                stored.0 = cluster;
                stored.1 = document.unwrap_or_else(|| stored.1.clone());
            }
            Ok([false, told.is_ok(), false])
        }
        Step::Remove(id) => {
            let id = format!("c{id}");
            let told = match catalog.cluster(&cluster_id(&id)?).await? {
                Some(known) => told(catalog.remove_cluster(&known).await)?,
                None => Err("not found"),
            };
            let expected = model.clusters.remove(&id).map(drop).ok_or("not found");
            ensure!(told == expected, "{told:?} {expected:?}");
            Ok([false, told.is_ok(), false])
        }
        Step::ReadClusters(of) => {
            let of = of.map(tenant_name);
            let mut read = Vec::new();
            for record in catalog.clusters(of.as_deref()).await? {
                let document = catalog.cluster_document(&record).await?.expose_secret().to_vec();
                read.push((record.id.to_string(), (record.cluster, document)));
            }
            let expected = model.clusters.clone().into_iter();
            let expected: Vec<_> =
                expected.filter(|(_, (it, _))| of.as_ref().is_none_or(|of| it.tenant == *of)).collect();
            ensure!(read == expected, "{read:?} {expected:?}");
            Ok(NONE)
        }
        Step::Append(records) => {
            let records = records.into_iter().map(|(user, of, outcome)| AuditRecord {
                tenant: (of > 0).then(|| tenant_name(of)),
                outcome,
                ..record(&user, "x")
            });
            let records: Vec<_> = records.collect();
            let heads = catalog.append_audit(&records).await?;
            ensure!(heads.len() == records.len());
            model.audit.extend(
                records.into_iter().map(|record| AuditRecord { user: clean(&record.user), ..record }),
            );
            Ok(NONE)
        }
        Step::Query(user, tenants, outcome, before, limit) => {
            let tenants = tenants.map(|of| of.into_iter().map(tenant_name).collect());
            let filter = AuditFilter { user, tenants, outcome, ..AuditFilter::default() };
            let found = catalog.audit(&filter, before, limit).await?;
            let found: Vec<_> = found.into_iter().map(|entry| (entry.seq, entry.record)).collect();
            let expected = model.found(&filter, before, limit);
            ensure!(found == expected, "{found:?} {expected:?}");
            Ok(NONE)
        }
        Step::Reopen => Ok(NONE),
    }
}

fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// `PROPTEST_CASES` asks for more.
fn check(cases: u32, bed: impl AsyncFn() -> Result<Bed>) -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let asked = std::env::var_os("PROPTEST_CASES").map(|_| Config::default().cases);
    let cases = asked.unwrap_or(cases);
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let result = TestRunner::new(config).run(&steps(), |steps| {
        let outcome = runtime.block_on(async { run(&bed().await?, steps).await });
        outcome.map_err(|error| TestCaseError::fail(format!("{error:#}")))
    });
    result.map_err(|error| anyhow::anyhow!("{error}"))
}

#[test]
fn sqlite_does_what_the_model_does() -> Result<()> {
    check(40, async || Bed::sqlite())
}

#[test]
fn postgres_does_what_the_model_does() -> Result<()> {
    // The server is kept for all cases.
    let _kept = tokio::runtime::Runtime::new()?.block_on(Bed::postgres())?;
    check(40, Bed::postgres)
}
