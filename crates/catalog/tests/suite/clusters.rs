//! Tenants, clusters that were connected at run time, and their sealed documents.

use std::path::Path;

use crate::bed::{Bed, cluster_id, on_both_engines, tenant, token_for, until};
use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use catalog::seal::{KeySource, SealError, Sealer};
use catalog::{Catalog, CatalogError, ClusterChange, NewCluster, Quotas};
use secrecy::{ExposeSecret, SecretSlice};

on_both_engines! {
    a_tenant_is_made_changed_and_removed
    a_tenant_that_owns_something_stays
    a_stored_cluster_is_there_for_every_replica_with_its_document
    an_id_is_taken_for_all_tenants
    an_id_that_is_taken_again_is_another_cluster
    of_two_who_change_a_cluster_at_once_one_is_told
    a_document_follows_its_cluster_into_another_tenant
    a_document_in_another_row_does_not_open
    no_document_is_stored_in_the_clear
    after_a_rotation_the_old_key_is_needed_no_more
    a_rotation_goes_on_where_it_was_broken_off
    a_rotation_names_what_it_cannot_open
    without_a_key_no_cluster_is_stored_and_all_else_works
}

const DOCUMENT: &[u8] = br#"{"token":"hunter2-and-some-more"}"#;

fn document() -> SecretSlice<u8> {
    SecretSlice::from(DOCUMENT.to_vec())
}

fn in_tenant(tenant: &str) -> ClusterChange {
    ClusterChange {
        tenant: tenant.to_owned(),
        name: "Production".to_owned(),
        environment: "prod".to_owned(),
        region: "eu".to_owned(),
        server: "https://203.0.113.1:6443".to_owned(),
        disabled: false,
    }
}

fn new_cluster(id: &str, tenant: &str) -> Result<NewCluster> {
    let created_by = "admin".to_owned();
    Ok(NewCluster { id: cluster_id(id)?, cluster: in_tenant(tenant), document: document(), created_by })
}

/// A sealer with these keys, each a byte repeated; the first seals.
fn keys(directory: &Path, keys: &[u8]) -> Result<Sealer> {
    let file = directory.join("keys");
    let lines: Vec<_> = keys.iter().map(|byte| STANDARD.encode([*byte; 32])).collect();
    std::fs::write(&file, lines.join("\n"))?;
    Ok(Sealer::new(&[KeySource::File(file)])?)
}

async fn a_tenant_is_made_changed_and_removed(bed: &Bed) -> Result<()> {
    let (one, other) = (bed.open().await?, bed.open().await?);
    let before = other.changes().await?;
    let made = one.create_tenant(tenant("shop")).await?;
    ensure!(other.changes().await?.tenants > before.tenants);
    ensure!(other.tenants().await?.contains(&made));
    let error = other.create_tenant(tenant("shop")).await.err().context("taken")?;
    ensure!(matches!(error, CatalogError::Exists { .. }), "{error}");
    let quotas =
        Quotas { requests_per_second: Some(10), cost_per_minute: Some(u32::MAX), subscriptions: None };
    one.update_tenant("shop", "The shop", quotas).await?;
    let read = other.tenants().await?.into_iter().find(|tenant| tenant.name == "shop").context("it")?;
    ensure!(read.quotas == quotas && read.display_name == "The shop" && read.created_at == made.created_at);
    one.remove_tenant("shop").await?;
    for error in [one.remove_tenant("shop").await, one.update_tenant("shop", "", quotas).await] {
        let error = error.err().context("gone")?;
        ensure!(matches!(error, CatalogError::NotFound { .. }), "{error}");
    }
    Ok(())
}

async fn a_tenant_that_owns_something_stays(bed: &Bed) -> Result<()> {
    let catalog = bed.open().await?;
    for name in ["shop", "bank"] {
        catalog.create_tenant(tenant(name)).await?;
    }
    let owned = catalog.insert_cluster(new_cluster("prod", "shop")?).await?;
    let principal = fleetgraph_core::Principal::new("alice").of_tenants(["bank"]);
    catalog.issue_token(catalog::NewToken { principal, ..token_for("alice") }).await?;
    for name in ["shop", "bank"] {
        let error = catalog.remove_tenant(name).await.err().context("in use")?;
        ensure!(matches!(error, CatalogError::InUse { .. }), "{error}");
    }
    catalog.remove_cluster(&owned).await?;
    catalog.remove_tenant("shop").await?;
    Ok(())
}

async fn a_stored_cluster_is_there_for_every_replica_with_its_document(bed: &Bed) -> Result<()> {
    let sealer = Sealer::ephemeral()?;
    let (one, other) = (bed.open_with(sealer.clone()).await?, bed.open_with(sealer).await?);
    let before = other.changes().await?.clusters;
    let stored = one.insert_cluster(new_cluster("prod", "default")?).await?;
    let inserted = other.changes().await?.clusters;
    ensure!(inserted > before);
    let read = other.cluster(&cluster_id("prod")?).await?.context("it")?;
    ensure!(read == stored && read.cluster == in_tenant("default") && read.created_by == "admin");
    ensure!(other.cluster_document(&read).await?.expose_secret() == DOCUMENT);
    let change = ClusterChange { disabled: true, region: "us".to_owned(), ..in_tenant("default") };
    let changed = other.update_cluster(&read, change.clone(), None).await?;
    let updated = one.changes().await?.clusters;
    ensure!(updated > inserted && changed.cluster == change && changed.revision > read.revision);
    ensure!(one.clusters(None).await? == [changed.clone()] && one.clusters(Some("shop")).await?.is_empty());
    ensure!(one.cluster_document(&changed).await?.expose_secret() == DOCUMENT);
    one.remove_cluster(&changed).await?;
    ensure!(other.changes().await?.clusters > updated && other.clusters(None).await?.is_empty());
    let error = other.remove_cluster(&changed).await.err().context("gone")?;
    ensure!(matches!(error, CatalogError::NotFound { .. }), "{error}");
    Ok(())
}

async fn an_id_that_is_taken_again_is_another_cluster(bed: &Bed) -> Result<()> {
    let catalog = bed.open().await?;
    catalog.create_tenant(tenant("shop")).await?;
    let first = catalog.insert_cluster(new_cluster("prod", "default")?).await?;
    catalog.remove_cluster(&first).await?;
    let second = catalog.insert_cluster(new_cluster("prod", "shop")?).await?;
    ensure!(second.revision > first.revision);
    let error =
        catalog.update_cluster(&first, in_tenant("default"), None).await.err().context("another's")?;
    ensure!(matches!(error, CatalogError::Conflict { .. }), "{error}");
    let error = catalog.remove_cluster(&first).await.err().context("another's")?;
    ensure!(matches!(error, CatalogError::Conflict { .. }), "{error}");
    ensure!(catalog.cluster(&second.id).await?.context("it")? == second);
    Ok(())
}

async fn an_id_is_taken_for_all_tenants(bed: &Bed) -> Result<()> {
    let catalog = bed.open().await?;
    catalog.create_tenant(tenant("shop")).await?;
    catalog.insert_cluster(new_cluster("prod", "default")?).await?;
    let before = catalog.changes().await?;
    let error = catalog.insert_cluster(new_cluster("prod", "shop")?).await.err().context("taken")?;
    ensure!(matches!(error, CatalogError::Exists { .. }), "{error}");
    let error =
        catalog.insert_cluster(new_cluster("test", "nobody")?).await.err().context("no such tenant")?;
    ensure!(matches!(error, CatalogError::NotFound { .. }), "{error}");
    ensure!(catalog.changes().await? == before, "nothing changed");
    Ok(())
}

async fn of_two_who_change_a_cluster_at_once_one_is_told(bed: &Bed) -> Result<()> {
    let catalog = bed.open().await?;
    let known = catalog.insert_cluster(new_cluster("prod", "default")?).await?;
    let change = |region: &str| ClusterChange { region: region.to_owned(), ..in_tenant("default") };
    catalog.update_cluster(&known, change("us"), None).await?;
    let other = SecretSlice::from(b"other".to_vec());
    let error =
        catalog.update_cluster(&known, change("asia"), Some(other)).await.err().context("too late")?;
    ensure!(matches!(error, CatalogError::Conflict { .. }), "{error}");
    let now = catalog.cluster(&known.id).await?.context("it")?;
    ensure!(now.cluster.region == "us" && catalog.cluster_document(&now).await?.expose_secret() == DOCUMENT);
    let error = catalog.remove_cluster(&known).await.err().context("too late")?;
    ensure!(matches!(error, CatalogError::Conflict { .. }), "{error}");
    catalog.remove_cluster(&now).await?;
    let error = catalog.update_cluster(&now, change("asia"), None).await.err().context("gone")?;
    ensure!(matches!(error, CatalogError::NotFound { .. }), "{error}");
    Ok(())
}

async fn a_document_follows_its_cluster_into_another_tenant(bed: &Bed) -> Result<()> {
    let catalog = bed.open().await?;
    catalog.create_tenant(tenant("shop")).await?;
    let known = catalog.insert_cluster(new_cluster("prod", "default")?).await?;
    let moved = catalog.update_cluster(&known, in_tenant("shop"), None).await?;
    ensure!(catalog.cluster_document(&moved).await?.expose_secret() == DOCUMENT);
    let changed = SecretSlice::from(b"changed".to_vec());
    let moved = catalog.update_cluster(&moved, in_tenant("default"), Some(changed)).await?;
    ensure!(catalog.cluster_document(&moved).await?.expose_secret() == b"changed");
    Ok(())
}

async fn refused(catalog: &Catalog, cluster: &str) -> Result<SealError> {
    let record = catalog.cluster(&cluster_id(cluster)?).await?.context("it")?;
    match catalog.cluster_document(&record).await {
        Err(CatalogError::Seal(error)) => Ok(error),
        Err(error) => Err(error.into()),
        Ok(_) => anyhow::bail!("it opened"),
    }
}

async fn a_document_in_another_row_does_not_open(bed: &Bed) -> Result<()> {
    let catalog = bed.open().await?;
    catalog.create_tenant(tenant("shop")).await?;
    for (cluster, tenant) in [("prod", "default"), ("test", "default"), ("moved", "default")] {
        catalog.insert_cluster(new_cluster(cluster, tenant)?).await?;
    }
    bed.run("UPDATE clusters SET sealed = (SELECT sealed FROM clusters WHERE id = 'prod') WHERE id = 'test'")
        .await?;
    bed.run("UPDATE clusters SET tenant = 'shop' WHERE id = 'moved'").await?;
    for cluster in ["test", "moved"] {
        let error = refused(&catalog, cluster).await?;
        ensure!(matches!(error, SealError::WrongPlace), "{cluster}: {error}");
    }
    let another = bed.open().await?;
    ensure!(matches!(refused(&another, "prod").await?, SealError::UnknownKey(_)));
    Ok(())
}

async fn no_document_is_stored_in_the_clear(bed: &Bed) -> Result<()> {
    let catalog = bed.open().await?;
    let stored = catalog.insert_cluster(new_cluster("prod", "default")?).await?;
    ensure!(!format!("{stored:?} {:?}", new_cluster("prod", "default")?).contains("hunter2"));
    catalog.close().await;
    let dump = match bed {
        Bed::Sqlite(directory) => std::fs::read(directory.path().join("data/catalog.db"))?,
        Bed::Postgres { server, url } => {
            server.run(url, "SELECT encode(sealed, 'escape'), c::text FROM clusters AS c")?.into_bytes()
        }
    };
    let holds = |needle: &[u8]| dump.windows(needle.len()).any(|window| window == needle);
    ensure!(holds(b"Production") && !holds(b"hunter2"));
    Ok(())
}

async fn after_a_rotation_the_old_key_is_needed_no_more(bed: &Bed) -> Result<()> {
    let files = tempfile::tempdir()?;
    let old = bed.open_with(keys(files.path(), &[1])?).await?;
    for n in 0..230 {
        old.insert_cluster(new_cluster(&format!("c{n:03}"), "default")?).await?;
    }
    let both = bed.open_with(keys(files.path(), &[2, 1])?).await?;
    let sealed_since = both.insert_cluster(new_cluster("new", "default")?).await?;
    let new = bed.open_with(keys(files.path(), &[2])?).await?;
    ensure!(matches!(refused(&new, "c000").await?, SealError::UnknownKey(_)), "before");
    let changes = both.changes().await?;
    let rotation = both.rotate_keys().await?;
    ensure!(rotation.rewrapped == 230 && rotation.current == 1 && rotation.failed.is_empty(), "{rotation:?}");
    for record in new.clusters(None).await? {
        ensure!(new.cluster_document(&record).await?.expose_secret() == DOCUMENT);
    }
    ensure!(matches!(refused(&old, "c000").await?, SealError::UnknownKey(_)), "the old key is of no use");
    ensure!(both.cluster(&sealed_since.id).await?.context("it")? == sealed_since, "left as it was");
    let again = both.rotate_keys().await?;
    ensure!(again.rewrapped == 0 && again.current == 231 && both.changes().await? == changes, "{again:?}");
    Ok(())
}

async fn a_rotation_goes_on_where_it_was_broken_off(bed: &Bed) -> Result<()> {
    let files = tempfile::tempdir()?;
    let old = bed.open_with(keys(files.path(), &[1])?).await?;
    for n in 0..120 {
        old.insert_cluster(new_cluster(&format!("c{n:03}"), "default")?).await?;
    }
    let both = bed.open_with(keys(files.path(), &[2, 1])?).await?;
    {
        // Dropped when something is done and something is left.
        let mut rotation = std::pin::pin!(both.rotate_keys());
        let some_done = until("a part is done", async || {
            let new = both.clusters(None).await?;
            let known = old.clusters(None).await?;
            let mut opened = 0;
            for record in new.iter().chain(&known).take(20) {
                opened += usize::from(old.cluster_document(record).await.is_err());
            }
            Ok(opened > 0)
        });
        tokio::select! {
            biased;
            done = some_done => done?,
            rotation = &mut rotation => drop(rotation?),
        }
    }
    let two = futures::future::join(both.rotate_keys(), both.rotate_keys()).await;
    ensure!(two.0?.failed.is_empty() && two.1?.failed.is_empty());
    let new = bed.open_with(keys(files.path(), &[2])?).await?;
    let all = new.clusters(None).await?;
    ensure!(all.len() == 120);
    for record in all {
        ensure!(new.cluster_document(&record).await?.expose_secret() == DOCUMENT);
    }
    Ok(())
}

async fn a_rotation_names_what_it_cannot_open(bed: &Bed) -> Result<()> {
    let files = tempfile::tempdir()?;
    bed.open_with(keys(files.path(), &[1])?).await?.insert_cluster(new_cluster("a", "default")?).await?;
    bed.open_with(keys(files.path(), &[2])?).await?.insert_cluster(new_cluster("b", "default")?).await?;
    let without_the_first = bed.open_with(keys(files.path(), &[3, 2])?).await?;
    let rotation = without_the_first.rotate_keys().await?;
    ensure!(rotation.rewrapped == 1 && rotation.failed.len() == 1, "{rotation:?}");
    ensure!(matches!(&rotation.failed[0], (cluster, SealError::UnknownKey(_)) if cluster.as_str() == "a"));
    Ok(())
}

async fn without_a_key_no_cluster_is_stored_and_all_else_works(bed: &Bed) -> Result<()> {
    let catalog = bed.open_with(Sealer::without_keys()).await?;
    let error = catalog.insert_cluster(new_cluster("prod", "default")?).await.err().context("no key")?;
    ensure!(matches!(error, CatalogError::Seal(SealError::NoKey)), "{error}");
    ensure!(matches!(catalog.rotate_keys().await, Err(CatalogError::Seal(SealError::NoKey))));
    catalog.create_tenant(tenant("shop")).await?;
    ensure!(catalog.clusters(None).await?.is_empty());
    Ok(())
}
