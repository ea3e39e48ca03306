//! What a real cluster's garbage collector and namespace controller do, at once instead of some seconds later: dependents
//! of what has gone go too, and a namespace goes with all that is in it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Cluster, DeleteOptions, State};
use crate::object::{Body, Key, Object, Slot, Uid};
use crate::resources::{BUILT_IN, Resource, Storage};
use crate::store::EventKind;

/// Kinds that own nothing: their deletion costs no search.
const BARREN: &[&str] =
    &["pods", "events", "configmaps", "secrets", "leases.coordination.k8s.io", "endpoints", "namespaces"];

/// Any version of the resource that is stored there.
fn resource_of(state: &State, storage: &Storage) -> Option<Arc<Resource>> {
    let found = BUILT_IN.all().find(|resource| resource.storage == *storage);
    found.or_else(|| state.customs.values().find(|resource| resource.storage == *storage)).cloned()
}

/// Whether the object's text may hold the uid; parsing is for those that do.
fn may_name(object: &Object, uid: Uid, text: &str) -> bool {
    match &object.body {
        Body::Shared { slots, .. } => slots.iter().any(|slot| match slot {
            Slot::Uid(found) => *found == uid,
            Slot::Text(found) => **found == *text,
            _ => false,
        }),
        Body::Own(found) => found.contains(text),
    }
}

fn is_owner(reference: &Value, uid: &str) -> bool {
    reference["uid"] == uid
}

fn dependents(state: &State, owner: &Object) -> Vec<(Storage, Arc<Object>)> {
    let text = owner.uid.to_string();
    let mut found = Vec::new();
    for (storage, store) in &state.stores {
        for object in store.objects.values().filter(|object| may_name(object, owner.uid, &text)) {
            let value = object.value();
            if value["metadata"]["ownerReferences"]
                .as_array()
                .is_some_and(|all| all.iter().any(|r| is_owner(r, &text)))
            {
                found.push((storage.clone(), Arc::clone(object)));
            }
        }
    }
    found
}

impl Cluster {
    /// After an object has gone: those that only it owned go, others lose the reference.
    pub(super) fn collect_dependents(&self, state: &mut State, resource: &Resource, owner: &Object) {
        if BARREN.contains(&&*resource.storage) {
            return;
        }
        for (storage, object) in dependents(state, owner) {
            let Some(resource) = resource_of(state, &storage) else { continue };
            let Some(current) = state.get(&resource, &object.key) else { continue };
            if current.value()["metadata"]["ownerReferences"].as_array().is_some_and(|all| all.len() > 1) {
                drop_reference(state, &resource, &current, owner);
            } else if let Err(error) =
                self.delete_locked(state, &resource, &current, &DeleteOptions::default())
            {
                tracing::debug!(%error, "a dependent could not be deleted");
            }
        }
    }

    /// `foregroundDeletion` and `orphan`: dependents first, then the object.
    pub(super) fn finish_marked(&self, state: &mut State, resource: &Resource, object: &Arc<Object>) {
        let mut value = object.value();
        let Some(finalizers) = value["metadata"]["finalizers"].as_array().cloned() else { return };
        let orphan = finalizers.contains(&json!("orphan"));
        if !orphan && !finalizers.contains(&json!("foregroundDeletion")) {
            return;
        }
        for (storage, dependent) in dependents(state, object) {
            let Some(resource) = resource_of(state, &storage) else { continue };
            if orphan {
                drop_reference(state, &resource, &dependent, object);
            } else if let Err(error) =
                self.delete_locked(state, &resource, &dependent, &DeleteOptions::default())
            {
                tracing::debug!(%error, "a dependent could not be deleted");
            }
        }
        let left: Vec<Value> =
            finalizers.into_iter().filter(|f| f != "orphan" && f != "foregroundDeletion").collect();
        value["metadata"]["finalizers"] = json!(left);
        let gone =
            left.is_empty() && value["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or(0) == 0;
        let kind = if gone { EventKind::Deleted } else { EventKind::Modified };
        let written = state.commit(&resource.storage, kind, object.with_body(Object::own(value)));
        if gone {
            self.gone(state, resource, &written);
        }
    }

    /// A namespace that is being deleted: everything in it, then itself.
    pub(super) fn empty_namespace(&self, state: &mut State, name: &str) {
        let storages: Vec<Storage> = state.stores.keys().cloned().collect();
        for storage in storages {
            let Some(resource) = resource_of(state, &storage).filter(|resource| resource.namespaced) else {
                continue;
            };
            let from = Key::new(name, "");
            let inside: Vec<Arc<Object>> = state
                .store(&storage)
                .objects
                .range(from..)
                .take_while(|(key, _)| *key.namespace == *name)
                .map(|(_, object)| Arc::clone(object))
                .collect();
            let at_once = DeleteOptions { grace: Some(0), ..DeleteOptions::default() };
            for object in inside {
                if let Err(error) = self.delete_locked(state, &resource, &object, &at_once) {
                    tracing::debug!(%error, "an object of a namespace could not be deleted");
                }
            }
        }
        self.close_namespace(state, name);
    }

    /// Takes a namespace away that is being deleted and holds nothing any more.
    pub(super) fn close_namespace(&self, state: &mut State, name: &str) {
        let key = Key::new("", name);
        let storage: Storage = "namespaces".into();
        let Some(namespace) = state.stores.get(&storage).and_then(|store| store.objects.get(&key)).cloned()
        else {
            return;
        };
        if namespace.field("metadata.deletionTimestamp").is_empty() {
            return;
        }
        let from = Key::new(name, "");
        let holds = |state: &State| {
            state.stores.values().any(|store| {
                store.objects.range(from.clone()..).next().is_some_and(|(key, _)| *key.namespace == *name)
            })
        };
        if !holds(state) {
            state.commit(&storage, EventKind::Deleted, namespace.at_revision(0));
        }
    }
}

fn drop_reference(state: &mut State, resource: &Resource, object: &Arc<Object>, owner: &Object) {
    let mut value = object.value();
    let uid = owner.uid.to_string();
    if let Some(references) = value["metadata"]["ownerReferences"].as_array_mut() {
        references.retain(|reference| !is_owner(reference, &uid));
    }
    state.commit(&resource.storage, EventKind::Modified, object.with_body(Object::own(value)));
}
