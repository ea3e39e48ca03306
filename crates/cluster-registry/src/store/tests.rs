//! The store against a slow and obvious reference: a map of what was last said of each object.

use std::{collections::BTreeMap, sync::Arc};

use fleetgraph_core::{ClusterId, IndexKey, Kind, KindMeta, Meta, WatchState};
use proptest::prelude::*;
use serde::Deserialize;

use super::{AnyWriter, Edge, Store, Writer};
use crate::{
    delta::{Change, Delta, Hub},
    raw::Raw,
};

/// A kind that refers to a home by its name.
enum Widget {}

#[derive(Deserialize)]
struct Text {
    #[serde(default)]
    home: Option<String>,
}

impl Kind for Widget {
    const META: KindMeta = KindMeta {
        group: "test",
        version: "v1",
        kind: "Widget",
        plural: "widgets",
        singular: "widget",
        namespaced: true,
        rules: &[],
    };
    type Columns = Option<String>;

    fn columns(object: &str) -> Result<Option<String>, serde_json::Error> {
        serde_json::from_str::<Text>(object).map(|text| text.home)
    }

    fn references<'a>(_: &'a Meta, home: &'a Option<String>, emit: &mut dyn FnMut(IndexKey<'a>)) {
        if let Some(home) = home {
            emit(IndexKey::Ref { relation: "home", namespace: "", name: home });
        }
    }
}

/// What is said of an object.
#[derive(Debug, Clone, PartialEq)]
struct Said {
    app: u8,
    owner: u8,
    home: Option<u8>,
    version: u64,
}

type Key = (String, String);

fn raw(key: &Key, said: &Said) -> Raw {
    let home = said.home.map_or("null".to_owned(), |home| format!("\"h{home}\""));
    Raw::from_text(&format!(
        r#"{{"metadata":{{"namespace":"{}","name":"{}","uid":"u-{}-{}","resourceVersion":"{}","labels":{{"app":"a{}","all":"yes"}},"ownerReferences":[{{"apiVersion":"v1","kind":"O","name":"o","uid":"o{}"}}],"managedFields":[{{"manager":"m"}}]}},"home":{home}}}"#,
        key.0, key.1, key.0, key.1, said.version, said.app, said.owner
    ))
}

fn store() -> (Store<Widget>, Writer<Widget>, Arc<Hub<Widget>>) {
    let hub = Arc::new(Hub::default());
    let (store, writer) =
        super::new(ClusterId::new("c").unwrap(), &Widget::META, None, Default::default(), Arc::clone(&hub));
    (store, writer, hub)
}

fn read_list(writer: &mut Writer<Widget>, list: impl IntoIterator<Item = Raw>) {
    writer.begin_list();
    list.into_iter().for_each(|raw| writer.read_listed(&raw));
    writer.end_list();
}

#[derive(Debug, Clone)]
enum Step {
    Apply(u8, u8, Said),
    Delete(u8, u8),
    /// A relist that shows these objects only.
    Relist(Vec<(u8, u8, Said)>),
    Commit,
}

fn said() -> impl Strategy<Value = Said> {
    (0..3_u8, 0..3_u8, proptest::option::of(0..3_u8), 1..1000_u64)
        .prop_map(|(app, owner, home, version)| Said { app, owner, home, version })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..3_u8, 0..4_u8, said()).prop_map(|(ns, n, said)| Step::Apply(ns, n, said)),
        3 => (0..3_u8, 0..4_u8).prop_map(|(ns, n)| Step::Delete(ns, n)),
        1 => proptest::collection::vec((0..3_u8, 0..4_u8, said()), 0..8).prop_map(Step::Relist),
        2 => Just(Step::Commit),
    ]
}

fn key(namespace: u8, name: u8) -> Key {
    (format!("ns{namespace}"), format!("w{name}"))
}

fn names<'a>(entries: impl Iterator<Item = &'a crate::Shared<Widget>>) -> Vec<Key> {
    entries.map(|entry| (entry.meta.namespace.to_string(), entry.meta.name.to_string())).collect()
}

fn matching(model: &BTreeMap<Key, Said>, matches: impl Fn(&Key, &Said) -> bool) -> Vec<Key> {
    model.iter().filter(|(key, said)| matches(key, said)).map(|(key, _)| key.clone()).collect()
}

/// Follows deltas as a subscriber would.
fn follow(seen: &mut BTreeMap<Key, String>, delta: &Delta<Widget>) {
    let key = |meta: &Meta| (meta.namespace.to_string(), meta.name.to_string());
    match &delta.change {
        Change::Applied { old, new } => {
            let before = seen.insert(key(&new.meta), new.meta.resource_version.to_string());
            assert_eq!(before, old.as_ref().map(|old| old.meta.resource_version.to_string()));
        }
        Change::Deleted { old } => assert!(seen.remove(&key(&old.meta)).is_some()),
        Change::Resynced { .. } => panic!("a resync after the first list"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_store_agrees_with_a_map_of_what_was_said(steps in proptest::collection::vec(step(), 1..60)) {
        let (store, mut writer, hub) = store();
        read_list(&mut writer, []);
        let (mut deltas, _) = hub.subscribe();
        let mut model: BTreeMap<Key, Said> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Apply(ns, n, said) => {
                    writer.apply(&raw(&key(ns, n), &said));
                    // The same version of the same object says nothing new.
                    if model.get(&key(ns, n)).is_none_or(|known| known.version != said.version) {
                        model.insert(key(ns, n), said);
                    }
                }
                Step::Delete(ns, n) => {
                    let key = key(ns, n);
                    let said = model.remove(&key).unwrap_or(Said { app: 0, owner: 0, home: None, version: 1 });
                    writer.delete(&raw(&key, &said));
                }
                Step::Relist(objects) => {
                    let mut listed = BTreeMap::new();
                    for (ns, n, said) in objects {
                        listed.entry(key(ns, n)).or_insert(said);
                    }
                    for (key, said) in &mut listed {
                        if let Some(known) = model.get(key).filter(|known| known.version == said.version) {
                            *said = known.clone();
                        }
                    }
                    writer.commit();
                    read_list(&mut writer, listed.iter().map(|(key, said)| raw(key, said)));
                    model = listed;
                }
                Step::Commit => writer.commit(),
            }
        }
        writer.commit();
        let snapshot = store.snapshot();
        prop_assert_eq!(names(snapshot.iter()), matching(&model, |_, _| true));
        for ns in ["ns0", "ns1", "ns2", "ns"] {
            prop_assert_eq!(
                names(snapshot.scan(None, Edge::Before(ns), Edge::After(ns))),
                matching(&model, |key, _| key.0 == ns)
            );
        }
        for i in 0..3_u8 {
            let (app, owner, home) = (format!("a{i}"), format!("o{i}"), format!("h{i}"));
            prop_assert_eq!(names(snapshot.by(IndexKey::Label("app", &app))), matching(&model, |_, s| s.app == i));
            prop_assert_eq!(
                names(snapshot.scan(Some(IndexKey::Label("app", &app)), Edge::Before("ns1"), Edge::After("ns1"))),
                matching(&model, |key, s| key.0 == "ns1" && s.app == i)
            );
            prop_assert_eq!(names(snapshot.by(IndexKey::Owner(&owner))), matching(&model, |_, s| s.owner == i));
            prop_assert_eq!(
                names(snapshot.by(IndexKey::Ref { relation: "home", namespace: "", name: &home })),
                matching(&model, |_, s| s.home == Some(i))
            );
        }
        // Nothing is left in the index that no object stands for: two labels, an owner, perhaps a home.
        let rows: usize = model.values().map(|said| 3 + usize::from(said.home.is_some())).sum();
        prop_assert_eq!(snapshot.index_rows(), rows);
        // Whoever follows the deltas knows the same, and the numbers only grow.
        let mut seen = BTreeMap::new();
        let mut last = 0;
        while let Ok(delta) = deltas.try_recv() {
            prop_assert!(delta.number > last);
            last = delta.number;
            follow(&mut seen, &delta);
        }
        let known: BTreeMap<_, _> = model.iter().map(|(key, said)| (key.clone(), said.version.to_string())).collect();
        prop_assert_eq!(seen, known);
        for entry in snapshot.iter() {
            prop_assert!(!entry.json().unwrap().contains("managedFields"));
        }
    }
}

fn one(name: u8, version: u64) -> Raw {
    raw(&key(0, name), &Said { app: 0, owner: 0, home: None, version })
}

#[test]
fn the_first_list_is_one_resync_and_not_a_creation_of_each_object() {
    let (store, mut writer, hub) = store();
    let (mut deltas, _) = hub.subscribe();
    assert_eq!(store.freshness(true).state, WatchState::Syncing);
    read_list(&mut writer, (0..5).map(|n| one(n, 7)));
    assert!(matches!(deltas.try_recv().unwrap().change, Change::Resynced { .. }));
    assert!(deltas.try_recv().is_err());
    let freshness = store.freshness(true);
    assert_eq!((freshness.state, freshness.objects), (WatchState::Live, 5));
    assert_eq!(freshness.resource_version.as_deref(), Some("7"));
}

#[test]
fn readers_see_nothing_of_a_list_that_is_not_complete() {
    let (store, mut writer, _) = store();
    read_list(&mut writer, []);
    writer.begin_list();
    (0..5).for_each(|n| writer.read_listed(&one(n, 7)));
    assert!(store.snapshot().is_empty());
    writer.end_list();
    assert_eq!(store.snapshot().len(), 5);
}

#[test]
fn an_unreachable_cluster_is_never_live() {
    let (store, mut writer, _) = store();
    read_list(&mut writer, []);
    assert_eq!(store.freshness(true).state, WatchState::Live);
    assert_eq!(store.freshness(false).state, WatchState::Stale);
}

#[test]
fn a_malformed_object_is_left_out_counted_and_comes_back_when_it_is_well() {
    let (store, mut writer, _) = store();
    let bad =
        Raw::from_text(r#"{"metadata":{"namespace":"ns0","name":"w1","resourceVersion":"8"},"home":17}"#);
    read_list(&mut writer, [one(0, 7), bad, one(2, 7)]);
    let freshness = store.freshness(true);
    assert_eq!((freshness.objects, freshness.malformed, freshness.state), (2, 1, WatchState::Live));
    assert!(freshness.error.unwrap().message.contains("ns0/w1"));
    writer.apply(&one(1, 9));
    writer.commit();
    let freshness = store.freshness(true);
    assert_eq!((freshness.objects, freshness.malformed, freshness.error), (3, 0, None));
}

#[test]
fn a_malformed_object_that_a_relist_no_longer_shows_is_forgotten() {
    let (store, mut writer, _) = store();
    let bad =
        Raw::from_text(r#"{"metadata":{"namespace":"ns0","name":"w1","resourceVersion":"8"},"home":17}"#);
    read_list(&mut writer, [one(0, 7), bad]);
    assert_eq!(store.freshness(true).malformed, 1);
    read_list(&mut writer, [one(0, 7)]);
    let freshness = store.freshness(true);
    assert_eq!((freshness.malformed, freshness.error), (0, None));
}

#[test]
fn a_newer_version_that_is_malformed_takes_the_old_one_with_it() {
    let (store, mut writer, _) = store();
    read_list(&mut writer, [one(1, 7)]);
    writer.apply(&Raw::from_text(
        r#"{"metadata":{"namespace":"ns0","name":"w1","resourceVersion":"8"},"home":17}"#,
    ));
    writer.commit();
    assert!(store.snapshot().is_empty());
}

#[test]
fn what_a_slow_subscriber_missed_is_known_until_too_many_deletions_passed() {
    let (_, mut writer, hub) = store();
    read_list(&mut writer, []);
    let (_, start) = hub.subscribe();
    writer.apply(&one(1, 1));
    writer.delete(&one(1, 1));
    writer.commit();
    let missed = hub.missed_since(start);
    assert_eq!(missed.deleted.unwrap().len(), 1);
    for version in 2..5000 {
        writer.apply(&one(1, version));
        writer.delete(&one(1, version));
    }
    writer.commit();
    assert!(hub.missed_since(start).deleted.is_none());
    assert!(hub.missed_since(hub.missed_since(start).up_to).deleted.unwrap().is_empty());
}
