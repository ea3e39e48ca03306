use std::num::NonZeroU32;

use fleetgraph_core::{
    ClusterId, Extent, IndexKey, KindMeta, Meta, Scope, Sight, Timestamp, Verb, View, Within,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use crate::{
    delta::{Change, Hub},
    pii::{PLACEHOLDER, Pii, Rule, Shown, shown},
    raw::Raw,
    store::{AnyWriter, Store, Writer, has_key, new},
};

/// A kind with fields that can't be anything.
enum Visit {}

#[derive(Deserialize)]
struct Text {
    #[serde(default)]
    guest: Option<String>,
    #[serde(default)]
    at: Option<Timestamp>,
    #[serde(default)]
    rooms: Option<Vec<Room>>,
}

#[derive(Deserialize)]
struct Room {
    number: NonZeroU32,
}

impl Kind for Visit {
    const META: KindMeta = KindMeta {
        group: "test",
        version: "v1",
        kind: "Visit",
        plural: "visits",
        singular: "visit",
        namespaced: true,
        rules: &[],
    };
    type Columns = Text;

    fn columns(object: &str) -> Result<Text, serde_json::Error> {
        let text: Text = serde_json::from_str(object)?;
        let _ = (&text.at, text.rooms.iter().flatten().map(|room| room.number.get()).sum::<u32>());
        Ok(text)
    }

    fn references<'a>(_: &'a Meta, text: &'a Text, emit: &mut dyn FnMut(IndexKey<'a>)) {
        if let Some(guest) = &text.guest {
            emit(IndexKey::Ref { relation: "guest", namespace: "", name: guest });
        }
    }
}

fn store(fields: &[&str]) -> (Store<Visit>, Writer<Visit>, Arc<Hub<Visit>>) {
    let fields = fields.iter().map(|field| FieldPath::parse(field).unwrap()).collect();
    let pii = Pii { rules: vec![Rule { fields, ..Rule::default() }], labelled: Vec::new() };
    let hub = Arc::new(Hub::default());
    let how = (Arc::default(), pii.of(&Visit::META));
    let (store, writer) = new(ClusterId::new("c").unwrap(), &Visit::META, None, how, Arc::clone(&hub));
    (store, writer, hub)
}

fn visit() -> Value {
    json!({
        "metadata": { "name": "one", "namespace": "inn", "uid": "u", "resourceVersion": "7", "labels": { "a": "b" } },
        "guest": "alice", "at": "2026-11-21T04:08:52Z", "rooms": [{ "number": 7 }], "note": "late",
    })
}

fn apply(writer: &mut Writer<Visit>, object: &Value) {
    writer.apply(&Raw::from_text(&object.to_string()));
    writer.commit();
}

/// What is stored, and what those see who may not unmask it.
fn both(fields: &[&str]) -> (Shared<Visit>, Option<Shared<Visit>>) {
    let (store, mut writer, _) = store(fields);
    apply(&mut writer, &visit());
    let entry = Arc::clone(store.snapshot().get("inn", "one").unwrap());
    let twin = entry.twin().map(Arc::clone);
    (entry, twin)
}

fn json(entry: &Entry<Visit>) -> Value {
    serde_json::from_str(&entry.json().unwrap()).unwrap()
}

fn masked(entry: &Entry<Visit>) -> Vec<&str> {
    entry.masked().iter().map(|field| &**field).collect()
}

#[test]
fn all_that_follows_from_a_masked_text_is_masked() {
    let (entry, twin) = both(&["guest", "missing"]);
    let twin = twin.unwrap();
    assert_eq!((masked(&entry), masked(&twin)), (vec![], vec!["guest"]));
    assert_eq!(entry.meta, twin.meta);
    assert_eq!(twin.columns.guest.as_deref(), Some(PLACEHOLDER));
    let mut expected = json(&entry);
    expected["guest"] = PLACEHOLDER.into();
    assert_eq!(json(&twin), expected);
    let alice = IndexKey::Ref { relation: "guest", namespace: "", name: "alice" };
    assert!(has_key(&entry, &alice) && !has_key(&twin, &alice));
}

#[test]
fn what_can_not_be_what_masking_makes_of_it_is_left_out() {
    let (entry, twin) = both(&["at", "rooms.*", "note"]);
    let twin = twin.unwrap();
    assert_eq!((twin.columns.at, masked(&twin)), (None, vec!["at", "note", "rooms.*"]));
    let mut expected = json(&entry);
    let members = expected.as_object_mut().unwrap();
    members.remove("at");
    members.remove("note");
    members.insert("rooms".to_owned(), json!([]));
    assert_eq!(json(&twin), expected);
}

#[test]
fn an_object_that_must_have_what_is_masked_is_shown_by_its_metadata() {
    let (entry, twin) = both(&["rooms.number"]);
    let twin = twin.unwrap();
    assert_eq!(masked(&twin), ["at", "guest", "note", "rooms", "rooms.number"]);
    let metadata = json(&entry)["metadata"].clone();
    assert_eq!(json(&twin), json!({ "apiVersion": "test/v1", "kind": "Visit", "metadata": metadata }));
}

#[test]
fn an_object_that_no_path_leads_into_is_stored_once() {
    assert!(both(&["missing", "note.x"]).1.is_none());
    assert!(both(&[]).1.is_none());
}

#[test]
fn both_forms_have_the_number_of_the_change_and_go_together() {
    let (store, mut writer, hub) = store(&["guest"]);
    let (mut deltas, _) = hub.subscribe();
    for guest in ["alice", "bob"] {
        let mut object = visit();
        object["guest"] = guest.into();
        object["metadata"]["resourceVersion"] = guest.len().to_string().into();
        apply(&mut writer, &object);
        let delta = deltas.try_recv().unwrap();
        let Change::Applied { new, .. } = &delta.change else { panic!("another change") };
        assert_eq!((new.change(), new.twin().unwrap().change()), (delta.number, delta.number));
    }
    // What is no longer there is no longer masked.
    let mut object = visit();
    object.as_object_mut().unwrap().remove("guest");
    apply(&mut writer, &object);
    assert!(store.snapshot().get("inn", "one").unwrap().twin().is_none());
    let alice = IndexKey::Ref { relation: "guest", namespace: "", name: "alice" };
    assert_eq!(store.snapshot().by(alice).count(), 0);
}

/// Somebody who sees everything, and may unmask what lies in one namespace.
#[derive(Debug)]
struct Guest(&'static str);

impl Sight for Guest {
    fn has_cluster(&self, _: &ClusterId) -> bool {
        true
    }

    fn view(&self, _: &ClusterId, verb: Verb, _: &KindMeta) -> View {
        let within = Within { whole: true, ..Within::default() };
        let here = Extent { namespaces: [(Arc::from(self.0), within)].into(), ..Extent::default() };
        if verb == Verb::Unmask { View::of(Arc::new(here)) } else { View::all() }
    }
}

#[test]
fn who_may_not_unmask_an_object_is_shown_its_twin_and_does_not_find_it_by_what_is_masked() {
    let (entry, twin) = both(&["guest"]);
    let twin = twin.unwrap();
    let alice = IndexKey::Ref { relation: "guest", namespace: "", name: "alice" };
    let label = IndexKey::Label("a", "b");
    let cluster = ClusterId::new("c").unwrap();
    for (scope, unmasks) in [
        (Scope::everything(), true),
        (Scope::of(Arc::new(Guest("inn"))), true),
        (Scope::of(Arc::new(Guest("bank"))), false),
    ] {
        let form = if unmasks { &entry } else { &twin };
        assert!(Arc::ptr_eq(&shown(&entry, &scope), form));
        for verb in [Verb::List, Verb::Get, Verb::Watch] {
            let scope = scope.to(verb);
            let by = Shown::to(&scope, &cluster, &Visit::META);
            assert!(by.of(&entry, None).is_some_and(|shown| Arc::ptr_eq(shown, form)));
            assert!(by.of(&entry, Some(&label)).is_some_and(|shown| Arc::ptr_eq(shown, form)));
            assert_eq!(by.of(&entry, Some(&alice)).is_some(), unmasks);
        }
    }
}
