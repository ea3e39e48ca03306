//! Creating and updating: what the server checks, fills in, and refuses.

use std::sync::Arc;

use rand::RngExt;
use serde_json::{Map, Value, json};

use super::{Cluster, State, crd, defaults, managed};
use crate::clock::rfc3339;
use crate::convert;
use crate::error::{ApiError, Cause};
use crate::object::{Key, Object, Uid, intern};
use crate::resources::{BUILT_IN, Resource, Shape};
use crate::schema::{self, Node};
use crate::store::EventKind;
use crate::validate;

/// Which part of an object a write is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Part {
    /// All but the status, where the resource has a status subresource.
    #[default]
    Whole,
    Status,
}

#[derive(Debug, Clone, Default)]
pub struct WriteOptions {
    pub part: Part,
    pub dry_run: bool,
    /// `fieldValidation=Strict`: unknown fields are an error.
    pub strict: bool,
    /// `fieldManager`; of apply, the owner of the fields.
    pub manager: String,
    /// The manager is written down in `managedFields`, as for every request over HTTP.
    pub note: bool,
    /// Apply takes over the fields of others.
    pub force: bool,
}

impl WriteOptions {
    pub fn status() -> Self {
        Self { part: Part::Status, ..Self::default() }
    }
}

/// Built-in kinds that count the changes of what is wished for.
const COUNTED: &[&str] = &[
    "pods",
    "replicationcontrollers",
    "deployments.apps",
    "daemonsets.apps",
    "replicasets.apps",
    "statefulsets.apps",
    "jobs.batch",
    "cronjobs.batch",
    "ingresses.networking.k8s.io",
    "ingressclasses.networking.k8s.io",
    "networkpolicies.networking.k8s.io",
    "poddisruptionbudgets.policy",
    "customresourcedefinitions.apiextensions.k8s.io",
    "endpointslices.discovery.k8s.io",
    "priorityclasses.scheduling.k8s.io",
    "validatingwebhookconfigurations.admissionregistration.k8s.io",
    "mutatingwebhookconfigurations.admissionregistration.k8s.io",
    "validatingadmissionpolicies.admissionregistration.k8s.io",
    "validatingadmissionpolicybindings.admissionregistration.k8s.io",
    "flowschemas.flowcontrol.apiserver.k8s.io",
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io",
];

pub(super) fn counts_generations(resource: &Resource) -> bool {
    resource.is_custom() || COUNTED.contains(&&*resource.storage)
}

pub(super) fn has_status(resource: &Resource) -> bool {
    match &resource.schema {
        Shape::Custom(custom) => custom.has_status,
        _ => resource.subresource("status").is_some(),
    }
}

/// A client's object, decoded, in the version that it is stored in, without `kind` and `apiVersion`.
pub(crate) fn incoming(resource: &Resource, mut value: Value, strict: bool) -> Result<Value, ApiError> {
    let Some(object) = value.as_object_mut() else {
        return Err(ApiError::bad_request(format!(
            "the object provided is unrecognized (must be of type {}): couldn't get version/kind; json parse error: it is no object",
            resource.kind
        )));
    };
    if resource.is_custom() {
        for (key, name) in [("kind", "Kind"), ("apiVersion", "apiVersion")] {
            if object.get(key).and_then(Value::as_str).is_none_or(str::is_empty) {
                return Err(ApiError::bad_request(format!(
                    "the object provided is unrecognized (must be of type {}): Object '{name}' is missing",
                    resource.kind
                )));
            }
        }
    }
    let api_version = resource.api_version();
    let kind = object.get("kind").and_then(Value::as_str).unwrap_or(&resource.kind).to_owned();
    let version = object.get("apiVersion").and_then(Value::as_str).unwrap_or(&api_version).to_owned();
    if kind != resource.kind || version != api_version {
        return Err(mismatch(resource, &kind, &version));
    }
    let decoded = match &resource.schema {
        Shape::BuiltIn(id) => schema::decode(&Node::Ref(*id), value),
        Shape::Custom(custom) => schema::decode_custom(custom, value),
        Shape::Open => Ok(schema::Decoded { value, unknown: Vec::new() }),
    };
    let said = |why: String| {
        let (kind, version) = (&resource.kind, &resource.version);
        ApiError::bad_request(format!("{kind} in version \"{version}\" cannot be handled as a {kind}: {why}"))
    };
    let mut decoded = decoded.map_err(said)?;
    if strict && !decoded.unknown.is_empty() {
        let unknown: Vec<String> = decoded.unknown.iter().map(|f| format!("unknown field \"{f}\"")).collect();
        return Err(said(format!("strict decoding error: {}", unknown.join(", "))));
    }
    if let Some(object) = decoded.value.as_object_mut() {
        object.remove("kind");
        object.remove("apiVersion");
        let metadata = object.entry("metadata").or_insert_with(|| json!({}));
        if metadata.is_null() {
            *metadata = json!({});
        }
    }
    convert::to_storage(resource, &mut decoded.value);
    Ok(decoded.value)
}

fn mismatch(resource: &Resource, kind: &str, version: &str) -> ApiError {
    let (group, bare) = version.rsplit_once('/').unwrap_or(("", version));
    if resource.is_custom() || !BUILT_IN.of(group, bare).iter().any(|r| r.kind == kind) {
        if resource.is_custom() && kind == resource.kind || group != resource.group {
            let expected = resource.api_version();
            return ApiError::bad_request(format!(
                "the API version in the data ({version}) does not match the expected API version ({expected})"
            ));
        }
        return ApiError::bad_request(format!(
            "{kind} in version \"{bare}\" cannot be handled as a {}: no kind \"{kind}\" is registered for version \"{version}\" in scheme \"pkg/runtime/scheme.go:111\"",
            resource.kind
        ));
    }
    let internal =
        if resource.group.is_empty() { "core" } else { resource.group.split('.').next().unwrap_or("") };
    ApiError::bad_request(format!(
        "{kind} in version \"{bare}\" cannot be handled as a {}: converting ({bare}.{kind}) to ({internal}.{}): unknown conversion",
        resource.kind, resource.kind
    ))
}

pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// Puts the namespace of the path in, or says that the two differ.
fn settle_namespace(resource: &Resource, namespace: &str, value: &mut Value) -> Result<(), ApiError> {
    let given = text(&value["metadata"], "namespace").to_owned();
    if !resource.namespaced {
        if let Some(metadata) = value["metadata"].as_object_mut() {
            metadata.remove("namespace");
        }
        return Ok(());
    }
    if !given.is_empty() && given != namespace {
        return Err(ApiError::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    value["metadata"]["namespace"] = json!(namespace);
    Ok(())
}

impl State {
    /// Five characters that spell no words, as the server's.
    fn suffix(&mut self) -> String {
        const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        (0..5).map(|_| char::from(LETTERS[self.random.random_range(0..LETTERS.len())])).collect()
    }

    /// Whether new objects may come into a namespace.
    fn admit_namespace(&self, resource: &Resource, namespace: &str, name: &str) -> Result<(), ApiError> {
        if !resource.namespaced {
            return Ok(());
        }
        let store = self.stores.get("namespaces");
        let Some(found) = store.and_then(|store| store.objects.get(&Key::new("", namespace))) else {
            return Err(ApiError::missing("namespaces", "", namespace));
        };
        if found.field("metadata.deletionTimestamp").is_empty() {
            return Ok(());
        }
        let why =
            format!("unable to create new content in namespace {namespace} because it is being terminated");
        let mut error = ApiError::forbidden(&resource.plural, &resource.group, name, &why);
        if let Some(details) = &mut error.details {
            let message = format!("namespace {namespace} is being terminated");
            details.insert(
                "causes".to_owned(),
                json!([{"reason": "NamespaceTerminating", "message": message, "field": "metadata.namespace"}]),
            );
        }
        Err(error)
    }
}

impl Cluster {
    /// Creates an object from JSON, as a POST does. `namespace` is empty for what is in none.
    ///
    /// # Errors
    /// As the server's: 400, 403, 404 (the namespace), 409, 422.
    pub fn create(
        &self,
        resource: &Resource,
        namespace: &str,
        value: Value,
        options: &WriteOptions,
    ) -> Result<Arc<Object>, ApiError> {
        let mut value = incoming(resource, value, options.strict)?;
        settle_namespace(resource, namespace, &mut value)?;
        let mut state = self.lock();
        self.create_locked(&mut state, resource, namespace, value, options)
    }

    pub(super) fn create_locked(
        &self,
        state: &mut State,
        resource: &Resource,
        namespace: &str,
        mut value: Value,
        options: &WriteOptions,
    ) -> Result<Arc<Object>, ApiError> {
        let metadata = &mut value["metadata"];
        let generated = text(metadata, "name").is_empty() && !text(metadata, "generateName").is_empty();
        if generated {
            let prefix: String = text(metadata, "generateName").chars().take(58).collect();
            metadata["name"] = json!(format!("{prefix}{}", state.suffix()));
        }
        let name = text(metadata, "name").to_owned();
        state.admit_namespace(resource, namespace, &name)?;
        if !text(metadata, "resourceVersion").is_empty() {
            // The real server answers so, with a code that blames itself.
            return Err(ApiError::new(500, "", "resourceVersion should not be set on objects to be created"));
        }
        let now = self.0.clock.now().as_second();
        let uid = state.uid();
        if let Some(metadata) = metadata.as_object_mut() {
            for key in ["selfLink", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"] {
                metadata.remove(key);
            }
            if options.note || options.manager.is_empty() {
                metadata.remove("managedFields");
            }
            metadata.insert("uid".to_owned(), json!(uid.to_string()));
            metadata.insert("creationTimestamp".to_owned(), json!(rfc3339(now)));
            if counts_generations(resource) {
                metadata.insert("generation".to_owned(), json!(1));
            }
        }
        if has_status(resource)
            && let Some(object) = value.as_object_mut()
        {
            object.remove("status");
        }
        let cause = defaults::Cause { seed: self.seed_of(&name), now, uid: uid.to_string() };
        defaults::on_create(resource, &mut value, &cause);
        let mut causes = validate::metadata(resource, &value["metadata"], generated);
        causes.extend(validate::spec(resource, &value));
        if !causes.is_empty() {
            return Err(ApiError::invalid(&resource.kind, &resource.group, &name, &causes));
        }
        let key = Key { namespace: intern(namespace), name: name.as_str().into() };
        if state.get(resource, &key).is_some() {
            return Err(ApiError::already_exists(resource, &name));
        }
        if options.note {
            managed::note(resource, None, &mut value, options, &rfc3339(now));
        }
        let body = Object::own(value);
        let object = Object { key, revision: 0, created: now, uid, body };
        if options.dry_run {
            return Ok(Arc::new(object));
        }
        let object = state.commit(&resource.storage, EventKind::Added, object);
        crd::follow(self, state, resource, &object);
        Ok(object)
    }

    /// Replaces an object, as a PUT does: the name and resourceVersion stand in `value`.
    ///
    /// # Errors
    /// As the server's: 400, 404, 409, 422.
    pub fn update(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        value: Value,
        options: &WriteOptions,
    ) -> Result<Arc<Object>, ApiError> {
        let mut value = incoming(resource, value, options.strict)?;
        settle_namespace(resource, namespace, &mut value)?;
        let given = text(&value["metadata"], "name");
        if given.is_empty() {
            return Err(ApiError::bad_request(format!(
                "the name of the object ({name} based on URL) was undeterminable: name must be provided"
            )));
        }
        if given != name {
            return Err(ApiError::bad_request(format!(
                "the name of the object ({given}) does not match the name on the URL ({name})"
            )));
        }
        let mut state = self.lock();
        let current = state
            .get(resource, &Key::new(namespace, name))
            .ok_or_else(|| ApiError::not_found(resource, name))?;
        self.replace(&mut state, resource, &current, value, options, false)
    }

    /// Writes `new` (decoded, in the stored version) in place of `current`.
    pub(super) fn replace(
        &self,
        state: &mut State,
        resource: &Resource,
        current: &Arc<Object>,
        mut new: Value,
        options: &WriteOptions,
        patched: bool,
    ) -> Result<Arc<Object>, ApiError> {
        let name = &*current.key.name;
        let mut old = current.value();
        check_identity(resource, current, &new, patched)?;
        if let Some(metadata) = old["metadata"].as_object_mut() {
            metadata.remove("resourceVersion");
        }
        keep_metadata(&old, &mut new)?;
        match options.part {
            Part::Whole if has_status(resource) => put_back(&old, &mut new, "status"),
            Part::Whole => {}
            Part::Status => {
                let managed = new["metadata"].get("managedFields").cloned();
                let status = new.get("status").cloned();
                new = old.clone();
                if let (Some(object), Some(status)) = (new.as_object_mut(), status) {
                    object.insert("status".to_owned(), status);
                }
                if let Some(managed) = managed {
                    new["metadata"]["managedFields"] = managed;
                }
            }
        }
        defaults::on_update(resource, &old, &mut new);
        let mut causes = validate::metadata_update(&old["metadata"], &new["metadata"]);
        if options.part == Part::Whole {
            causes.extend(validate::metadata(resource, &new["metadata"], false));
            causes.extend(validate::spec(resource, &new));
            causes.extend(validate::spec_update(resource, &old, &new));
        }
        if !causes.is_empty() {
            return Err(ApiError::invalid(&resource.kind, &resource.group, name, &causes));
        }
        if new == old {
            return Ok(Arc::clone(current));
        }
        if counts_generations(resource) && options.part == Part::Whole && wish_changed(resource, &old, &new) {
            let generation = old["metadata"]["generation"].as_i64().unwrap_or(0) + 1;
            new["metadata"]["generation"] = json!(generation);
        }
        let leaving = new["metadata"].get("deletionTimestamp").is_some()
            && new["metadata"]["finalizers"].as_array().is_none_or(Vec::is_empty)
            && new["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or(0) == 0
            && !(&*resource.storage == "namespaces"
                && new["spec"]["finalizers"].as_array().is_some_and(|f| !f.is_empty()));
        if options.note {
            managed::note(resource, Some(&old), &mut new, options, &rfc3339(self.0.clock.now().as_second()));
        }
        let object = current.with_body(Object::own(new));
        if options.dry_run {
            return Ok(Arc::new(object));
        }
        if leaving {
            // Watches see the last state that was stored; the writer sees what it wrote.
            let last = state.commit(&resource.storage, EventKind::Deleted, current.at_revision(0));
            self.gone(state, resource, &last);
            return Ok(Arc::new(object));
        }
        let object = state.commit(&resource.storage, EventKind::Modified, object);
        crd::follow(self, state, resource, &object);
        Ok(object)
    }

    /// Replaces only the status by a merge patch, as controllers do.
    ///
    /// # Errors
    /// As [`Cluster::patch`].
    pub fn patch_status(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        status: Value,
    ) -> Result<Arc<Object>, ApiError> {
        let patch = super::Patch::Merge(json!({"status": status}));
        self.patch(resource, namespace, name, &patch, &WriteOptions::status())
    }

    /// Equal for equal names, for addresses and ports that look as if somebody had given them out.
    pub(super) fn seed_of(&self, name: &str) -> u64 {
        name.bytes().fold(self.0.options.seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }
}

/// The uid and resourceVersion that the writer believes in.
fn check_identity(resource: &Resource, current: &Object, new: &Value, patched: bool) -> Result<(), ApiError> {
    let metadata = &new["metadata"];
    let name = &*current.key.name;
    let uid = text(metadata, "uid");
    if !patched && !uid.is_empty() && Uid::parse(uid) != Some(current.uid) {
        let prefix = if resource.group.is_empty() { String::new() } else { format!("{}/", resource.group) };
        let path = format!("/registry/{prefix}{}/{}", resource.plural, current.key.path());
        return Err(ApiError::conflict(
            resource,
            name,
            &format!(
                "StorageError: invalid object, Code: 4, Key: {path}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
                current.uid
            ),
        ));
    }
    match text(metadata, "resourceVersion") {
        "" if resource.is_custom()
            || matches!(&*resource.storage, "customresourcedefinitions.apiextensions.k8s.io") =>
        {
            Err(ApiError::invalid(
                &resource.plural,
                &resource.group,
                name,
                &[Cause::invalid("metadata.resourceVersion", &json!(0), "must be specified for an update")],
            ))
        }
        "" => Ok(()),
        version if version.parse() == Ok(current.revision) => Ok(()),
        version if version.parse::<u64>().is_err() => {
            Err(ApiError::new(500, "", format!("strconv.ParseUint: parsing \"{version}\": invalid syntax")))
        }
        _ => Err(ApiError::modified(resource, name)),
    }
}

/// What the server keeps, whatever the writer says or leaves out.
fn keep_metadata(old: &Value, new: &mut Value) -> Result<(), ApiError> {
    let Some(metadata) = new["metadata"].as_object_mut() else {
        return Err(ApiError::bad_request("metadata is no object"));
    };
    metadata.remove("resourceVersion");
    metadata.remove("creationTimestamp");
    metadata.remove("selfLink");
    for key in
        ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields"]
    {
        if !metadata.contains_key(key)
            && let Some(value) = old["metadata"].get(key)
        {
            metadata.insert(key.to_owned(), value.clone());
        }
    }
    match old["metadata"].get("generation") {
        Some(generation) => metadata.insert("generation".to_owned(), generation.clone()),
        None => metadata.remove("generation"),
    };
    Ok(())
}

fn put_back(old: &Value, new: &mut Value, key: &str) {
    let Some(object) = new.as_object_mut() else { return };
    match old.get(key) {
        Some(value) => object.insert(key.to_owned(), value.clone()),
        None => object.remove(key),
    };
}

/// Whether the part of an object that says what is wished for differs.
fn wish_changed(resource: &Resource, old: &Value, new: &Value) -> bool {
    if resource.is_custom() || !new.get("spec").is_some_and(Value::is_object) {
        let wish = |value: &Value| {
            let mut object: Map<String, Value> = value.as_object().cloned().unwrap_or_default();
            object.remove("metadata");
            if has_status(resource) {
                object.remove("status");
            }
            object
        };
        return wish(old) != wish(new);
    }
    old["spec"] != new["spec"]
        || &*resource.storage == "deployments.apps"
            && old["metadata"].get("annotations") != new["metadata"].get("annotations")
}
