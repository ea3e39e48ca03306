//! API tokens, and the cache that servers verify them with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::bed::{Bed, on_both_engines, tenant, token_for, until};
use anyhow::{Context, Result, ensure};
use catalog::{CacheSettings, Catalog, CatalogError, NewToken, TokenCache, TokenId, Verdict};
use fleetgraph_core::{Bounds, Principal, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

on_both_engines! {
    a_token_is_who_it_was_issued_for
    a_secret_of_another_token_is_unknown
    the_text_of_a_token_is_stored_nowhere
    a_revoked_token_stays_revoked_by_whom_it_was_first
    an_expired_token_is_told_from_an_unknown_one
    tokens_are_listed_by_tenant_page_by_page
    a_token_needs_a_tenant_that_exists
    texts_that_cannot_be_stored_are_refused
    a_cached_token_is_refused_soon_after_another_process_revoked_it
    an_id_that_was_unknown_is_known_soon_after_it_was_issued
    a_cache_keeps_no_more_than_it_may
    a_use_is_written_down_and_then_not_again_for_a_while
    the_last_use_is_written_down_at_the_end
}

fn until_dropped() -> (oneshot::Sender<()>, impl Future<Output = ()> + Send) {
    let (stop, stopped) = oneshot::channel::<()>();
    (stop, async move { drop(stopped.await) })
}

/// A cache with its task running.
async fn cache(
    catalog: &Catalog,
    settings: CacheSettings,
) -> Result<(TokenCache, oneshot::Sender<()>, JoinHandle<()>)> {
    let (cache, refresher) = TokenCache::new(catalog.clone(), settings).await?;
    let (stop, stopped) = until_dropped();
    Ok((cache, stop, tokio::spawn(refresher.run(stopped))))
}

async fn a_token_is_who_it_was_issued_for(bed: &Bed) -> Result<()> {
    let catalog = bed.open().await?;
    catalog.create_tenant(tenant("shop")).await?;
    let set =
        |names: &[&str]| Some(Arc::new(names.iter().map(|name| Arc::from(*name)).collect::<BTreeSet<_>>()));
    let principal = Principal {
        uid: "u-1".into(),
        extra: Arc::new(BTreeMap::from([("scopes".to_owned(), vec!["a\0".to_owned(), "b".to_owned()])])),
        bounds: Bounds { clusters: set(&["prod", "test"]), namespaces: set(&[]), read_only: true },
        admin: true,
        ..Principal::new("alice").in_groups(["dev", "ops"]).of_tenants(["shop", "default"])
    };
    let expires_at = Some("2999-01-01T00:00:00Z".parse()?);
    let new = NewToken { principal: principal.clone(), expires_at, ..token_for("alice") };
    let issued = catalog.issue_token(new).await?;
    let verified = catalog.verify_token(&issued.plain).await?.valid().context("valid")?;
    ensure!(*verified == issued.token && *verified.principal == principal);
    ensure!(verified.expires_at == expires_at && verified.created_by == "admin");
    Ok(())
}

async fn a_secret_of_another_token_is_unknown(bed: &Bed) -> Result<()> {
    let catalog = bed.open().await?;
    let (cache, _stop, _task) = cache(&catalog, CacheSettings::default()).await?;
    let alice = catalog.issue_token(token_for("alice")).await?;
    catalog.revoke_token(&alice.token.id, "admin").await?;
    // Alice's id, whose row is there, with a secret that isn't hers. It has a right checksum.
    let forged = forged(&alice.token.id);
    ensure!(catalog.verify_token(&forged).await? == Verdict::Unknown);
    ensure!(cache.verify(&forged).await? == Verdict::Unknown);
    ensure!(matches!(cache.verify(&alice.plain).await?, Verdict::Revoked(_)));
    ensure!(cache.verify(&forged).await? == Verdict::Unknown, "and so it is when the row is cached");
    Ok(())
}

/// A well-formed text with this id and a secret that nobody was given.
fn forged(id: &TokenId) -> SecretString {
    let body = format!("fgt_{id}_{}", "07".repeat(32));
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body.as_bytes());
    let checksum: String = digest.as_ref()[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{body}{checksum}").into()
}

async fn the_text_of_a_token_is_stored_nowhere(bed: &Bed) -> Result<()> {
    let catalog = bed.open().await?;
    let issued = catalog.issue_token(token_for("alice")).await?;
    ensure!(!format!("{issued:?}").contains(issued.plain.expose_secret()));
    let secret = issued.plain.expose_secret().rsplit_once('_').context("a secret")?.1[..64].to_owned();
    catalog.close().await;
    let dump = match bed {
        Bed::Sqlite(directory) => std::fs::read(directory.path().join("data/catalog.db"))?,
        Bed::Postgres { server, url } => server.run(url, "SELECT t::text FROM tokens AS t")?.into_bytes(),
    };
    let holds = |needle: &[u8]| dump.windows(needle.len()).any(|window| window == needle);
    ensure!(holds(issued.token.id.as_str().as_bytes()) && !holds(secret.as_bytes()));
    Ok(())
}

async fn a_revoked_token_stays_revoked_by_whom_it_was_first(bed: &Bed) -> Result<()> {
    let catalog = bed.open().await?;
    let issued = catalog.issue_token(token_for("alice")).await?;
    let first = catalog.revoke_token(&issued.token.id, "bob").await?;
    let second = catalog.revoke_token(&issued.token.id, "carol").await?;
    ensure!(first.revoked_by.as_deref() == Some("bob") && first.revoked_at.is_some() && first == second);
    ensure!(catalog.verify_token(&issued.plain).await? == Verdict::Revoked(Arc::new(first)));
    let error = catalog.revoke_token(&TokenId::from("0123"), "bob").await.err().context("unknown")?;
    ensure!(matches!(error, CatalogError::NotFound { .. }), "{error}");
    Ok(())
}

async fn an_expired_token_is_told_from_an_unknown_one(bed: &Bed) -> Result<()> {
    let catalog = bed.open().await?;
    let (cache, _stop, _task) = cache(&catalog, CacheSettings::default()).await?;
    let past = Timestamp::now().minus(Duration::from_secs(1));
    let new = NewToken { expires_at: Some(past), ..token_for("alice") };
    let issued = catalog.issue_token(new).await?;
    for verdict in [catalog.verify_token(&issued.plain).await?, cache.verify(&issued.plain).await?] {
        ensure!(matches!(verdict, Verdict::Expired(_)), "{verdict:?}");
    }
    ensure!(catalog.verify_token(&"fgt_no_token".into()).await? == Verdict::Malformed);
    ensure!(cache.verify(&"".into()).await? == Verdict::Malformed);
    Ok(())
}

async fn tokens_are_listed_by_tenant_page_by_page(bed: &Bed) -> Result<()> {
    let catalog = bed.open().await?;
    catalog.create_tenant(tenant("shop")).await?;
    let mut of_shop = BTreeSet::new();
    for user in ["a", "b", "c", "d", "e"] {
        let principal = Principal::new(user).of_tenants(["default", "shop"]);
        let new = NewToken { principal, ..token_for(user) };
        of_shop.insert(catalog.issue_token(new).await?.token.id);
        catalog.issue_token(token_for(user)).await?;
    }
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let page = catalog.tokens(Some("shop"), after.as_ref(), 2).await?;
        let Some(last) = page.last() else { break };
        ensure!(page.len() <= 2);
        after = Some(last.id.clone());
        listed.extend(page.into_iter().map(|token| token.id));
    }
    ensure!(listed == of_shop.into_iter().collect::<Vec<_>>());
    ensure!(catalog.tokens(None, None, 100).await?.len() == 10);
    ensure!(catalog.tokens(Some("nobody"), None, 100).await?.is_empty());
    Ok(())
}

async fn a_token_needs_a_tenant_that_exists(bed: &Bed) -> Result<()> {
    let catalog = bed.open().await?;
    let principal = Principal::new("alice").of_tenants(["default", "nobody"]);
    let new = NewToken { principal, ..token_for("alice") };
    let error = catalog.issue_token(new).await.err().context("no such tenant")?;
    ensure!(matches!(&error, CatalogError::NotFound { name, .. } if name == "nobody"), "{error}");
    ensure!(catalog.tokens(None, None, 100).await?.is_empty(), "all or nothing");
    Ok(())
}

async fn texts_that_cannot_be_stored_are_refused(bed: &Bed) -> Result<()> {
    let catalog = bed.open().await?;
    for new in [
        NewToken { name: "a\0b".to_owned(), ..token_for("alice") },
        NewToken { name: " ".to_owned(), ..token_for("alice") },
        token_for(""),
        NewToken { created_by: "\0".to_owned(), ..token_for("alice") },
    ] {
        let error = catalog.issue_token(new).await.err().context("refused")?;
        ensure!(matches!(error, CatalogError::Invalid(_)), "{error}");
    }
    Ok(())
}

async fn a_cached_token_is_refused_soon_after_another_process_revoked_it(bed: &Bed) -> Result<()> {
    let (one, other) = (bed.open().await?, bed.open().await?);
    let (cache, _stop, _task) = cache(&one, CacheSettings::default()).await?;
    let alice = other.issue_token(token_for("alice")).await?;
    let bob = other.issue_token(token_for("bob")).await?;
    ensure!(cache.verify(&alice.plain).await?.valid().is_some());
    ensure!(cache.verify(&bob.plain).await?.valid().is_some());
    other.revoke_token(&alice.token.id, "admin").await?;
    until("the cache obeys", async || Ok(matches!(cache.verify(&alice.plain).await?, Verdict::Revoked(_))))
        .await?;
    ensure!(cache.verify(&bob.plain).await?.valid().is_some(), "another token isn't touched");
    Ok(())
}

async fn an_id_that_was_unknown_is_known_soon_after_it_was_issued(bed: &Bed) -> Result<()> {
    let (one, other) = (bed.open().await?, bed.open().await?);
    let (cache, _stop, _task) = cache(&one, CacheSettings::default()).await?;
    let issued = other.issue_token(token_for("alice")).await?;
    // As if somebody had asked before it was issued: the row isn't there yet.
    bed.run("DELETE FROM token_tenants; CREATE TABLE kept AS SELECT * FROM tokens; DELETE FROM tokens")
        .await?;
    ensure!(cache.verify(&issued.plain).await? == Verdict::Unknown);
    bed.run("INSERT INTO tokens SELECT * FROM kept; UPDATE tokens SET changed = changed + 1").await?;
    until("the cache asks again", async || Ok(cache.verify(&issued.plain).await?.valid().is_some())).await
}

async fn a_cache_keeps_no_more_than_it_may(bed: &Bed) -> Result<()> {
    let catalog = bed.open().await?;
    let small = CacheSettings { tokens: 3, unknown: 3, ..CacheSettings::default() };
    let (cache, _stop, _task) = cache(&catalog, small).await?;
    for user in ["a", "b", "c", "d", "e", "f"] {
        let issued = catalog.issue_token(token_for(user)).await?;
        ensure!(cache.verify(&issued.plain).await?.valid().is_some());
        let unknown = forged(&TokenId::from(format!("{user}0123456789abcde").as_str()));
        ensure!(cache.verify(&unknown).await? == Verdict::Unknown);
        let (tokens, unknown) = cache.held();
        ensure!(tokens <= 3 && unknown <= 3, "{tokens} {unknown}");
    }
    Ok(())
}

async fn a_use_is_written_down_and_then_not_again_for_a_while(bed: &Bed) -> Result<()> {
    let catalog = bed.open().await?;
    let (cache, _stop, _task) = cache(&catalog, CacheSettings::default()).await?;
    let issued = catalog.issue_token(token_for("alice")).await?;
    let id = &issued.token.id;
    let used = async || Ok::<_, anyhow::Error>(catalog.token(id).await?.context("it")?.last_used_at);
    cache.verify(&issued.plain).await?;
    until("the first use is written down", async || Ok(used().await?.is_some())).await?;
    let first = used().await?;
    let before = catalog.changes().await?;
    for round in 0..3 {
        // Each of these changes is only seen after a round of the task that writes uses down.
        let other = catalog.issue_token(token_for(&format!("user{round}"))).await?;
        cache.verify(&issued.plain).await?;
        cache.verify(&other.plain).await?;
        let written =
            async || Ok(catalog.token(&other.token.id).await?.context("it")?.last_used_at.is_some());
        until("a round", written).await?;
    }
    ensure!(used().await? == first, "within the minute");
    ensure!(catalog.changes().await?.tokens == before.tokens + 3, "uses are no changes");
    Ok(())
}

async fn the_last_use_is_written_down_at_the_end(bed: &Bed) -> Result<()> {
    let catalog = bed.open().await?;
    let never = CacheSettings { note_use_every: Duration::from_secs(3600), ..CacheSettings::default() };
    let (cache, stop, task) = cache(&catalog, never).await?;
    let issued = catalog.issue_token(token_for("alice")).await?;
    cache.verify(&issued.plain).await?;
    let used =
        async || Ok::<_, anyhow::Error>(catalog.token(&issued.token.id).await?.context("it")?.last_used_at);
    until("the first use is written down", async || Ok(used().await?.is_some())).await?;
    let first = used().await?;
    cache.verify(&issued.plain).await?;
    drop(stop);
    task.await?;
    ensure!(used().await? > first);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_is_not_trusted_for_ever_without_its_catalog() -> Result<()> {
    let bed = Bed::own_postgres().await?;
    let Bed::Postgres { server, .. } = &bed else { unreachable!() };
    let catalog = bed.open().await?;
    let soon = CacheSettings { trust_for: Duration::from_secs(2), ..CacheSettings::default() };
    let (cache, _stop, _task) = cache(&catalog, soon).await?;
    let issued = catalog.issue_token(token_for("alice")).await?;
    ensure!(cache.verify(&issued.plain).await?.valid().is_some());
    server.crash();
    until("it refuses", async || match cache.verify(&issued.plain).await {
        Ok(verdict) => {
            ensure!(verdict.valid().is_some(), "until then it answers as before");
            Ok(false)
        }
        Err(error) => {
            ensure!(error.is_passing(), "{error}");
            Ok(true)
        }
    })
    .await?;
    server.restart().await?;
    until("it answers again", async || {
        Ok(cache.verify(&issued.plain).await.is_ok_and(|it| it.valid().is_some()))
    })
    .await
}

#[tokio::test]
async fn a_cache_whose_task_has_ended_asks_the_catalog() -> Result<()> {
    let bed = Bed::sqlite()?;
    let catalog = bed.open().await?;
    let none = CacheSettings { trust_for: Duration::ZERO, ..CacheSettings::default() };
    let (cache, refresher) = TokenCache::new(catalog.clone(), none).await?;
    drop(refresher);
    let issued = catalog.issue_token(token_for("alice")).await?;
    ensure!(cache.verify(&issued.plain).await?.valid().is_some());
    catalog.revoke_token(&issued.token.id, "admin").await?;
    ensure!(cache.verify(&issued.plain).await?.valid().is_none());
    Ok(())
}
