//! Opening a catalog: schema, versions, rights, errors.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use crate::bed::{Bed, on_both_engines, record, token_for, until};
use anyhow::{Context, Result, ensure};
use catalog::audit::AuditFilter;
use catalog::seal::Sealer;
use catalog::{Catalog, CatalogError, DEFAULT_TENANT, Location, Settings};

on_both_engines! {
    what_was_stored_is_there_after_the_catalog_was_opened_again
    the_default_tenant_exists_always
    a_catalog_of_a_later_release_is_refused
    processes_that_start_at_once_bring_the_schema_forward_once
    a_closed_catalog_refuses_calls
    a_call_that_takes_too_long_is_given_up_and_leaves_nothing_behind
}

async fn what_was_stored_is_there_after_the_catalog_was_opened_again(bed: &Bed) -> Result<()> {
    let catalog = bed.open().await?;
    let issued = catalog.issue_token(token_for("alice")).await?;
    catalog.close().await;
    let again = bed.open().await?;
    again.ping().await?;
    ensure!(again.token(&issued.token.id).await?.as_ref() == Some(&issued.token));
    Ok(())
}

async fn the_default_tenant_exists_always(bed: &Bed) -> Result<()> {
    let catalog = bed.open().await?;
    let names: Vec<_> = catalog.tenants().await?.into_iter().map(|tenant| tenant.name).collect();
    ensure!(names == [DEFAULT_TENANT]);
    let error = catalog.remove_tenant(DEFAULT_TENANT).await.err().context("it stays")?;
    ensure!(matches!(error, CatalogError::InUse { .. }), "{error}");
    Ok(())
}

async fn a_catalog_of_a_later_release_is_refused(bed: &Bed) -> Result<()> {
    bed.open().await?.close().await;
    bed.run("INSERT INTO schema_version (version, applied_at) VALUES (99, 0)").await?;
    let error = Catalog::open(&bed.settings(), Sealer::without_keys()).await.err().context("too new")?;
    ensure!(matches!(error, CatalogError::TooNew { found: 99, .. }), "{error}");
    Ok(())
}

async fn processes_that_start_at_once_bring_the_schema_forward_once(bed: &Bed) -> Result<()> {
    let opened = futures::future::join_all((0..6).map(|_| bed.open())).await;
    let catalogs = opened.into_iter().collect::<Result<Vec<_>>>()?;
    for catalog in &catalogs {
        ensure!(catalog.tenants().await?.len() == 1);
    }
    Ok(())
}

async fn a_closed_catalog_refuses_calls(bed: &Bed) -> Result<()> {
    let catalog = bed.open().await?;
    catalog.close().await;
    let error = catalog.ping().await.err().context("closed")?;
    ensure!(error.is_passing(), "{error}");
    Ok(())
}

async fn a_call_that_takes_too_long_is_given_up_and_leaves_nothing_behind(bed: &Bed) -> Result<()> {
    let settings = Settings { call_timeout: Duration::from_millis(300), ..bed.settings() };
    bed.open().await?.close().await;
    let catalog = Catalog::open(&settings, Sealer::without_keys()).await?;
    let lock = bed.lock().await?;
    let error = catalog.append_audit(&[record("alice", "too late")]).await.err().context("given up")?;
    ensure!(error.is_passing(), "{error}");
    lock.release().await?;
    until("it works again", async || Ok(catalog.append_audit(&[record("alice", "in time")]).await.is_ok()))
        .await?;
    let entries = catalog.audit(&AuditFilter::default(), None, 10).await?;
    ensure!(entries.iter().all(|entry| entry.record.action == "in time"), "{entries:?}");
    Ok(())
}

#[tokio::test]
async fn a_catalog_in_memory_lives_as_long_as_its_last_handle() -> Result<()> {
    let settings = Settings::new(Location::Memory);
    let first = Catalog::open(&settings, Sealer::without_keys()).await?;
    let second = Catalog::open(&settings, Sealer::without_keys()).await?;
    let clone = first.clone();
    let issued = first.issue_token(token_for("alice")).await?;
    drop(first);
    ensure!(clone.token(&issued.token.id).await?.is_some());
    ensure!(second.token(&issued.token.id).await?.is_none(), "each has a memory of its own");
    Ok(())
}

#[tokio::test]
async fn nobody_but_the_owner_can_read_the_files() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let data = directory.path().join("data");
    let settings = Settings::new(Location::Directory(data.clone()));
    let catalog = Catalog::open(&settings, Sealer::without_keys()).await?;
    catalog.issue_token(token_for("alice")).await?;
    let mode = |path: &std::path::Path| std::fs::metadata(path).map(|it| it.permissions().mode() & 0o777);
    ensure!(mode(&data)? == 0o700);
    let mut files = 0;
    for file in std::fs::read_dir(&data)? {
        let path = file?.path();
        ensure!(mode(&path)? == 0o600, "{}", path.display());
        files += 1;
    }
    ensure!(files >= 2, "the database and its journal");
    Ok(())
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_is_an_error_that_says_so() -> Result<()> {
    let settings = Settings::new(Location::Directory("/proc/fleetgraph".into()));
    let error = Catalog::open(&settings, Sealer::without_keys()).await.err().context("it can't be made")?;
    ensure!(matches!(error, CatalogError::File(_)), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_wrong_password_is_shown_nowhere() -> Result<()> {
    let bed = Bed::postgres().await?;
    let Bed::Postgres { url, .. } = &bed else { unreachable!() };
    ensure!(!format!("{:?}", bed.open().await?).contains("not-a-secret"), "the right one neither");
    let dsn = url.replace("not-a-secret", "hunter2");
    let settings = Settings::new(Location::Postgres(dsn.into()));
    ensure!(!format!("{settings:?}").contains("hunter2"));
    let error = Catalog::open(&settings, Sealer::without_keys()).await.err().context("refused")?;
    let text = format!("{error} {error:?}");
    ensure!(text.contains("password authentication failed") && !text.contains("hunter2"), "{text}");
    Ok(())
}
