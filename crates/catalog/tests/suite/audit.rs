//! The audit trail: one chain, whoever writes, and every way to break it is found.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::bed::{Bed, on_both_engines, record, until};
use anyhow::{Context, Result, ensure};
use catalog::audit::{AuditFilter, AuditHead, AuditQueue, AuditRecord, Break, Outcome, Verification};
use catalog::{Catalog, CatalogError};
use fleetgraph_core::Timestamp;

on_both_engines! {
    a_record_is_read_back_as_it_was_written
    a_record_with_odd_texts_is_written_all_the_same
    records_are_found_by_each_filter
    pages_follow_one_another_without_gap_or_repetition
    the_database_refuses_to_change_or_remove_records
    a_changed_record_is_found
    a_removed_record_is_found
    records_that_changed_places_are_found
    records_cut_off_at_the_end_are_found
    a_record_smuggled_in_after_the_head_is_found
    a_hash_that_was_changed_with_its_record_is_found
    a_head_that_was_changed_is_found
    a_trail_written_anew_is_found_with_a_copy_of_an_earlier_head
    catalogs_that_append_at_once_keep_one_chain
    a_queue_answers_each_caller_with_its_own_place
    a_queue_with_many_waiting_loses_nothing
    a_writer_ends_when_its_queues_are_gone_and_all_is_written
}

async fn filled(bed: &Bed, records: usize) -> Result<(Catalog, Vec<AuditHead>)> {
    let catalog = bed.open().await?;
    let records: Vec<_> = (0..records).map(|n| record(&format!("user{n}"), "deletePod")).collect();
    let heads = catalog.append_audit(&records).await?;
    Ok((catalog, heads))
}

async fn a_record_is_read_back_as_it_was_written(bed: &Bed) -> Result<()> {
    let catalog = bed.open().await?;
    ensure!(catalog.verify_audit(None).await? == Verification::Intact(catalog.audit_head().await?));
    let full = AuditRecord {
        object: Some("Pod shop/cart-1".to_owned()),
        request_id: Some("r-1".to_owned()),
        trace_id: Some("t-1".to_owned()),
        outcome: Outcome::Failure,
        code: Some("FORBIDDEN".to_owned()),
        details: serde_json::json!({ "a": [1, 2.5, "ä\u{1f980}", null] }),
        ..record("älice", "deletePod")
    };
    let bare = AuditRecord {
        address: None,
        tenant: None,
        cluster: None,
        outcome: Outcome::Intent,
        details: serde_json::Value::Null,
        ..record("", "authenticate")
    };
    let heads = catalog.append_audit(&[full.clone(), bare.clone()]).await?;
    let entries = catalog.audit(&AuditFilter::default(), None, 10).await?;
    ensure!(entries.iter().map(|entry| entry.record.clone()).collect::<Vec<_>>() == [bare, full]);
    ensure!(
        entries
            .iter()
            .map(|entry| (entry.seq, entry.hash))
            .eq(heads.iter().rev().map(|it| (it.seq, it.hash)))
    );
    ensure!(catalog.verify_audit(None).await? == Verification::Intact(heads[1]));
    Ok(())
}

async fn a_record_with_odd_texts_is_written_all_the_same(bed: &Bed) -> Result<()> {
    let catalog = bed.open().await?;
    let mut odd = record("a\0b", "x");
    odd.details = serde_json::json!({ "agent": "\0\u{7}\u{202e}" });
    odd.object = Some("'; DROP TABLE audit; --".repeat(2000));
    catalog.append_audit(&[odd.clone()]).await?;
    let read = catalog.audit(&AuditFilter::default(), None, 1).await?.remove(0).record;
    ensure!(read.user == "a\u{fffd}b" && read.details == odd.details && read.object == odd.object);
    ensure!(matches!(catalog.verify_audit(None).await?, Verification::Intact(_)));
    Ok(())
}

async fn records_are_found_by_each_filter(bed: &Bed) -> Result<()> {
    let catalog = bed.open().await?;
    let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
    let base = |user: &str, action: &str, second| AuditRecord { at: at(second), ..record(user, action) };
    catalog
        .append_audit(&[
            base("alice", "deletePod", 10),
            AuditRecord { cluster: Some("test".to_owned()), ..base("bob", "deletePod", 20) },
            AuditRecord { tenant: Some("shop".to_owned()), ..base("alice", "scale", 30) },
            AuditRecord { tenant: None, outcome: Outcome::Failure, ..base("", "authenticate", 40) },
        ])
        .await?;
    let found = async |filter: AuditFilter| -> Result<Vec<i64>> {
        Ok(catalog.audit(&filter, None, 10).await?.into_iter().map(|entry| entry.seq).collect())
    };
    let any = AuditFilter::default;
    let some = |text: &str| Some(text.to_owned());
    let tenants = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>());
    ensure!(found(any()).await? == [4, 3, 2, 1]);
    ensure!(found(AuditFilter { from: Some(at(20)), to: Some(at(40)), ..any() }).await? == [3, 2]);
    ensure!(found(AuditFilter { user: some("alice"), ..any() }).await? == [3, 1]);
    ensure!(found(AuditFilter { action: some("deletePod"), ..any() }).await? == [2, 1]);
    ensure!(found(AuditFilter { cluster: some("test"), ..any() }).await? == [2]);
    ensure!(found(AuditFilter { tenants: tenants(&["shop"]), ..any() }).await? == [3]);
    ensure!(found(AuditFilter { tenants: tenants(&["shop", "default"]), ..any() }).await? == [3, 2, 1]);
    ensure!(found(AuditFilter { tenants: tenants(&[]), ..any() }).await?.is_empty());
    ensure!(found(AuditFilter { outcome: Some(Outcome::Failure), ..any() }).await? == [4]);
    ensure!(found(AuditFilter { user: some("alice"), action: some("scale"), ..any() }).await? == [3]);
    Ok(())
}

async fn pages_follow_one_another_without_gap_or_repetition(bed: &Bed) -> Result<()> {
    let (catalog, _) = filled(bed, 10).await?;
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = catalog.audit(&AuditFilter::default(), before, 3).await?;
        let Some(last) = page.last() else { break };
        before = Some(last.seq);
        seen.extend(page.iter().map(|entry| entry.seq));
        // What comes in meanwhile is newer than every page that is still to be read.
        catalog.append_audit(&[record("late", "x")]).await?;
    }
    ensure!(seen == (1..=10).rev().collect::<Vec<_>>());
    Ok(())
}

async fn the_database_refuses_to_change_or_remove_records(bed: &Bed) -> Result<()> {
    let (catalog, heads) = filled(bed, 3).await?;
    let mut statements = vec![
        "UPDATE audit SET user_name = 'mallory' WHERE seq = 2",
        "DELETE FROM audit WHERE seq = 2",
        "DELETE FROM audit",
        "UPDATE audit_head SET seq = 2",
        "UPDATE audit_head SET hash = hash",
        "DELETE FROM audit_head",
    ];
    match bed {
        Bed::Sqlite(_) => statements.extend([
            "INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE seq = 2",
            "INSERT OR REPLACE INTO audit_head SELECT * FROM audit_head",
        ]),
        Bed::Postgres { .. } => statements.extend(["TRUNCATE audit", "TRUNCATE audit_head"]),
    }
    for statement in statements {
        let error = bed.run(statement).await.err().with_context(|| format!("{statement} was obeyed"))?;
        ensure!(format!("{error:#}").contains("append-only"), "{statement}: {error:#}");
    }
    ensure!(catalog.verify_audit(None).await? == Verification::Intact(heads[2]));
    Ok(())
}

async fn broken(bed: &Bed, statements: &str) -> Result<(i64, Break)> {
    let (catalog, _) = filled(bed, 6).await?;
    bed.tamper(statements).await?;
    match catalog.verify_audit(None).await? {
        Verification::Broken { seq, how } => Ok((seq, how)),
        Verification::Intact(head) => anyhow::bail!("taken for intact up to {head}"),
    }
}

async fn a_changed_record_is_found(bed: &Bed) -> Result<()> {
    ensure!(
        broken(bed, "UPDATE audit SET user_name = 'mallory' WHERE seq = 3").await? == (3, Break::Changed)
    );
    Ok(())
}

async fn a_removed_record_is_found(bed: &Bed) -> Result<()> {
    ensure!(broken(bed, "DELETE FROM audit WHERE seq = 3").await? == (3, Break::Removed));
    Ok(())
}

async fn records_that_changed_places_are_found(bed: &Bed) -> Result<()> {
    let swap = "UPDATE audit SET seq = 100 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 4; \
                UPDATE audit SET seq = 4 WHERE seq = 100";
    ensure!(broken(bed, swap).await? == (3, Break::Changed));
    Ok(())
}

async fn records_cut_off_at_the_end_are_found(bed: &Bed) -> Result<()> {
    ensure!(broken(bed, "DELETE FROM audit WHERE seq > 4").await? == (5, Break::Truncated));
    Ok(())
}

async fn a_record_smuggled_in_after_the_head_is_found(bed: &Bed) -> Result<()> {
    let smuggled = "INSERT INTO audit SELECT 7, at, 'mallory', credential, method, address, tenant, action, cluster, \
                    object, request_id, trace_id, outcome, code, details, hash FROM audit WHERE seq = 6";
    ensure!(broken(bed, smuggled).await? == (7, Break::AfterHead));
    Ok(())
}

async fn a_hash_that_was_changed_with_its_record_is_found(bed: &Bed) -> Result<()> {
    // The last record again, under the hash of another: it fits neither its content nor the head.
    let changed = "UPDATE audit SET hash = (SELECT hash FROM audit WHERE seq = 2) WHERE seq = 6";
    ensure!(broken(bed, changed).await? == (6, Break::Changed));
    Ok(())
}

async fn a_head_that_was_changed_is_found(bed: &Bed) -> Result<()> {
    let changed = "UPDATE audit_head SET hash = (SELECT hash FROM audit WHERE seq = 5)";
    ensure!(broken(bed, changed).await? == (6, Break::Head));
    Ok(())
}

/// What the chain alone can't show: all of it computed anew, by somebody who knows how.
async fn a_trail_written_anew_is_found_with_a_copy_of_an_earlier_head(bed: &Bed) -> Result<()> {
    let (catalog, heads) = filled(bed, 6).await?;
    let copy = heads[3];
    ensure!(catalog.verify_audit(Some(&copy)).await? == Verification::Intact(heads[5]));
    let zeros = match bed {
        Bed::Sqlite(_) => "zeroblob(32)",
        Bed::Postgres { .. } => "decode(repeat('00', 32), 'hex')",
    };
    bed.tamper(&format!("DELETE FROM audit; UPDATE audit_head SET seq = 0, hash = {zeros}")).await?;
    let cut = Verification::Broken { seq: 1, how: Break::Truncated };
    ensure!(catalog.verify_audit(Some(&copy)).await? == cut);
    let records: Vec<_> = (0..6).map(|_| record("nobody", "nothing")).collect();
    catalog.append_audit(&records).await?;
    ensure!(matches!(catalog.verify_audit(None).await?, Verification::Intact(_)), "by itself it is a chain");
    let rewritten = Verification::Broken { seq: 4, how: Break::Rewritten };
    ensure!(catalog.verify_audit(Some(&copy)).await? == rewritten);
    Ok(())
}

async fn catalogs_that_append_at_once_keep_one_chain(bed: &Bed) -> Result<()> {
    let mut tasks = Vec::new();
    for replica in 0..4 {
        let catalog = bed.open().await?;
        tasks.push(tokio::spawn(async move {
            for n in 0..25 {
                let records: Vec<_> =
                    (0..n % 3 + 1).map(|_| record(&format!("replica{replica}"), "x")).collect();
                catalog.append_audit(&records).await?;
            }
            anyhow::Ok(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    let catalog = bed.open().await?;
    let expected = 4 * (0..25).map(|n| n % 3 + 1).sum::<i64>();
    let Verification::Intact(head) = catalog.verify_audit(None).await? else { anyhow::bail!("broken") };
    ensure!(head.seq == expected && head == catalog.audit_head().await?);
    Ok(())
}

async fn a_queue_answers_each_caller_with_its_own_place(bed: &Bed) -> Result<()> {
    let catalog = bed.open().await?;
    let (queue, writer) = AuditQueue::new(catalog.clone());
    let writer = tokio::spawn(writer.run());
    let appended =
        futures::future::join_all((0..200).map(|n| queue.append(record(&format!("user{n}"), "x")))).await;
    let heads = appended.into_iter().collect::<Result<Vec<_>, _>>()?;
    for (n, head) in heads.iter().enumerate() {
        let entry = catalog.audit(&AuditFilter::default(), Some(head.seq + 1), 1).await?.remove(0);
        ensure!(entry.record.user == format!("user{n}") && entry.hash == head.hash);
    }
    drop(queue);
    writer.await?;
    Ok(())
}

/// More than the queue has places for.
async fn a_queue_with_many_waiting_loses_nothing(bed: &Bed) -> Result<()> {
    const CALLERS: i64 = 3000;
    let catalog = bed.open().await?;
    let (queue, writer) = AuditQueue::new(catalog.clone());
    let callers = (0..CALLERS).map(|n| {
        let queue = queue.clone();
        tokio::spawn(async move { queue.append(record(&format!("user{n}"), "x")).await })
    });
    let callers: Vec<_> = callers.collect();
    drop(queue);
    writer.run().await;
    for caller in callers {
        caller.await??;
    }
    let Verification::Intact(head) = catalog.verify_audit(None).await? else { anyhow::bail!("broken") };
    ensure!(head.seq == CALLERS);
    Ok(())
}

async fn a_writer_ends_when_its_queues_are_gone_and_all_is_written(bed: &Bed) -> Result<()> {
    let catalog = bed.open().await?;
    let (queue, writer) = AuditQueue::new(catalog.clone());
    let clone = queue.clone();
    let waiting = tokio::spawn(async move { clone.append(record("alice", "x")).await });
    drop(queue);
    writer.run().await;
    ensure!(waiting.await??.seq == 1);
    let (queue, writer) = AuditQueue::new(catalog);
    drop(writer);
    let error = queue.append(record("alice", "x")).await.err().context("nobody writes")?;
    ensure!(matches!(error, CatalogError::Closed), "{error}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_could_not_be_written_is_an_error_for_its_caller() -> Result<()> {
    let bed = Bed::own_postgres().await?;
    let Bed::Postgres { server, .. } = &bed else { unreachable!() };
    let settings = catalog::Settings { call_timeout: Duration::from_secs(2), ..bed.settings() };
    let catalog = Catalog::open(&settings, catalog::seal::Sealer::without_keys()).await?;
    let (queue, writer) = AuditQueue::new(catalog.clone());
    let writer = tokio::spawn(writer.run());
    queue.append(record("alice", "before")).await?;
    server.crash();
    let error = queue.append(record("alice", "while it is down")).await.err().context("it is down")?;
    ensure!(matches!(error, CatalogError::NotRecorded(_)) && error.is_passing(), "{error}");
    server.restart().await?;
    until("records are written again", async || Ok(queue.append(record("alice", "after")).await.is_ok()))
        .await?;
    ensure!(matches!(catalog.verify_audit(None).await?, Verification::Intact(_)));
    drop(queue);
    writer.await?;
    Ok(())
}
