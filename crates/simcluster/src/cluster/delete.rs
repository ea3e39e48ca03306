//! Deleting: preconditions, a pod's grace, finalizers, and what becomes of dependents.

use std::sync::Arc;

use serde_json::json;

use super::write::incoming;
use super::{Cluster, State, crd};
use crate::clock::rfc3339;
use crate::error::ApiError;
use crate::object::{Key, Object, Uid};
use crate::resources::Resource;
use crate::store::EventKind;

/// What happens to the objects that this one owns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Propagation {
    /// They go after it.
    #[default]
    Background,
    /// They go before it.
    Foreground,
    /// They stay, and lose the reference.
    Orphan,
}

#[derive(Debug, Clone, Default)]
pub struct DeleteOptions {
    /// Seconds; for pods.
    pub grace: Option<i64>,
    pub propagation: Option<Propagation>,
    pub uid: Option<String>,
    pub resource_version: Option<String>,
    pub dry_run: bool,
}

/// What came of a deletion.
#[derive(Debug, Clone)]
pub enum Deletion {
    /// It is gone; this was its last state.
    Gone(Arc<Object>),
    /// It waits for its grace or its finalizers.
    Marked(Arc<Object>),
}

impl Cluster {
    /// # Errors
    /// 404; 409 when a precondition fails.
    pub fn delete(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<Deletion, ApiError> {
        let mut state = self.lock();
        let current = state
            .get(resource, &Key::new(namespace, name))
            .ok_or_else(|| ApiError::not_found(resource, name))?;
        preconditions(resource, &current, options)?;
        self.delete_locked(&mut state, resource, &current, options)
    }

    pub(super) fn delete_locked(
        &self,
        state: &mut State,
        resource: &Resource,
        current: &Arc<Object>,
        options: &DeleteOptions,
    ) -> Result<Deletion, ApiError> {
        let mut value = current.value();
        let grace = grace(resource, &value, options);
        let marked = value["metadata"].get("deletionTimestamp").is_some();
        let mut finalizers = value["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
        if !marked {
            match options.propagation {
                Some(Propagation::Foreground) if !finalizers.contains(&json!("foregroundDeletion")) => {
                    finalizers.push(json!("foregroundDeletion"));
                }
                Some(Propagation::Orphan) if !finalizers.contains(&json!("orphan")) => {
                    finalizers.push(json!("orphan"));
                }
                _ => {}
            }
        }
        let held = !finalizers.is_empty()
            || &*resource.storage == "namespaces"
                && value["spec"]["finalizers"].as_array().is_some_and(|finalizers| !finalizers.is_empty());
        let old_grace = value["metadata"]["deletionGracePeriodSeconds"].as_i64();
        if marked && (held || grace > 0) && old_grace.is_none_or(|old| old <= grace) {
            return Ok(Deletion::Marked(Arc::clone(current)));
        }
        if !held && grace == 0 {
            if options.dry_run {
                return Ok(Deletion::Gone(Arc::clone(current)));
            }
            let last = if &*resource.storage == "pods" {
                last_words(current, &value, &rfc3339(self.0.clock.now().as_second()))
            } else {
                current.at_revision(0)
            };
            let object = state.commit(&resource.storage, EventKind::Deleted, last);
            self.gone(state, resource, &object);
            return Ok(Deletion::Gone(object));
        }
        let metadata = &mut value["metadata"];
        let at = self.0.clock.now().as_second().saturating_add(grace);
        metadata["deletionTimestamp"] = json!(rfc3339(at));
        metadata["deletionGracePeriodSeconds"] = json!(grace);
        if !finalizers.is_empty() {
            metadata["finalizers"] = json!(finalizers);
        }
        if !marked && let Some(generation) = metadata["generation"].as_i64() {
            metadata["generation"] = json!(generation + 1);
        }
        if &*resource.storage == "namespaces" {
            value["status"]["phase"] = json!("Terminating");
            if let Some(metadata) = value["metadata"].as_object_mut() {
                metadata.remove("deletionGracePeriodSeconds");
            }
        }
        let object = Object {
            key: current.key.clone(),
            revision: current.revision,
            created: current.created,
            uid: current.uid,
            body: Object::own(value),
        };
        if options.dry_run {
            return Ok(Deletion::Marked(Arc::new(object)));
        }
        let object = state.commit(&resource.storage, EventKind::Modified, object);
        if self.0.options.collect {
            if &*resource.storage == "namespaces" {
                self.empty_namespace(state, &object.key.name);
            } else {
                self.finish_marked(state, resource, &object);
            }
        }
        Ok(Deletion::Marked(object))
    }

    /// Writes a namespace's `spec.finalizers`, as its finalize subresource does; without any, a deleted one goes.
    ///
    /// # Errors
    /// 400, 404.
    pub fn finalize(&self, name: &str, wanted: &serde_json::Value) -> Result<Arc<Object>, ApiError> {
        let missing = || ApiError::missing("namespaces", "", name);
        let resource = self.resource("", "v1", "namespaces").ok_or_else(missing)?;
        let wanted = incoming(&resource, wanted.clone(), false)?;
        let mut state = self.lock();
        let current = state.get(&resource, &Key::new("", name)).ok_or_else(missing)?;
        let mut value = current.value();
        let finalizers = wanted["spec"]["finalizers"].as_array().cloned().unwrap_or_default();
        let empty = finalizers.is_empty();
        value["spec"] = if empty { json!({}) } else { json!({"finalizers": finalizers}) };
        for key in ["labels", "annotations"] {
            value["metadata"][key] = wanted["metadata"].get(key).cloned().unwrap_or_else(|| json!({}));
        }
        value["metadata"]["labels"]["kubernetes.io/metadata.name"] = json!(name);
        if let Some(metadata) = value["metadata"].as_object_mut() {
            metadata.retain(|_, value| !value.as_object().is_some_and(serde_json::Map::is_empty));
        }
        let gone = empty && value["metadata"].get("deletionTimestamp").is_some();
        let written = current.with_body(Object::own(value));
        if gone {
            state.commit(&resource.storage, EventKind::Deleted, current.at_revision(0));
            return Ok(Arc::new(written));
        }
        Ok(state.commit(&resource.storage, EventKind::Modified, written))
    }

    /// After an object has gone.
    pub(super) fn gone(&self, state: &mut State, resource: &Resource, object: &Arc<Object>) {
        crd::forget(state, resource, object);
        if self.0.options.collect {
            self.collect_dependents(state, resource, object);
            if resource.namespaced {
                self.close_namespace(state, &object.key.namespace);
            }
        }
    }
}

/// A pod that goes at once still says when and with what grace.
fn last_words(current: &Object, value: &serde_json::Value, now: &str) -> Object {
    let mut value = value.clone();
    let metadata = &mut value["metadata"];
    if metadata.get("deletionTimestamp").is_none() {
        metadata["deletionTimestamp"] = json!(now);
        if let Some(generation) = metadata["generation"].as_i64() {
            metadata["generation"] = json!(generation + 1);
        }
    }
    metadata["deletionGracePeriodSeconds"] = json!(0);
    current.with_body(Object::own(value))
}

fn preconditions(resource: &Resource, current: &Object, options: &DeleteOptions) -> Result<(), ApiError> {
    let name = &*current.key.name;
    let failed = |why: String| Err(ApiError::conflict_of(&resource.kind, &resource.group, name, &why));
    if let Some(uid) = &options.uid
        && Uid::parse(uid) != Some(current.uid)
    {
        return failed(format!(
            "the UID in the precondition ({uid}) does not match the UID in record ({}). The object might have been deleted and then recreated",
            current.uid
        ));
    }
    if let Some(version) = &options.resource_version
        && *version != current.revision.to_string()
    {
        return failed(format!(
            "the ResourceVersion in the precondition ({version}) does not match the ResourceVersion in record ({}). The object might have been modified",
            current.revision
        ));
    }
    Ok(())
}

/// Seconds that a pod still has; nothing else has any.
fn grace(resource: &Resource, value: &serde_json::Value, options: &DeleteOptions) -> i64 {
    if &*resource.storage != "pods" {
        return 0;
    }
    let finished = matches!(value["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    let unscheduled = value["spec"]["nodeName"].as_str().is_none_or(str::is_empty);
    if finished || unscheduled {
        return 0;
    }
    let own = value["spec"]["terminationGracePeriodSeconds"].as_i64().unwrap_or(30);
    options.grace.unwrap_or(own).max(0)
}
