//! The two places where one object is served in two forms: events of the core group and of `events.k8s.io`, and
//! autoscalers of v1 and v2. Everything else differs between versions in `apiVersion` alone.

mod autoscaler;

use serde_json::Value;

use crate::resources::Resource;

/// `(name in events.k8s.io, name in the core group)`
const EVENT_FIELDS: &[(&str, &str)] = &[
    ("regarding", "involvedObject"),
    ("note", "message"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
];

fn is_new_event(resource: &Resource) -> bool {
    resource.group == "events.k8s.io" && resource.plural == "events"
}

fn is_old_autoscaler(resource: &Resource) -> bool {
    resource.group == "autoscaling" && resource.version == "v1"
}

/// Whether objects are served in another form than the stored one.
pub(crate) fn is_needed(resource: &Resource) -> bool {
    is_new_event(resource) || is_old_autoscaler(resource)
}

pub(crate) fn to_storage(resource: &Resource, value: &mut Value) {
    if is_new_event(resource) {
        rename(value, |(new, old)| (new, old));
    } else if is_old_autoscaler(resource) {
        autoscaler::to_new(value);
    }
}

pub(crate) fn from_storage(resource: &Resource, value: &mut Value) {
    if is_new_event(resource) {
        rename(value, |(new, old)| (old, new));
    } else if is_old_autoscaler(resource) {
        autoscaler::to_old(value);
    }
}

fn rename<'a>(value: &mut Value, direction: impl Fn((&'a str, &'a str)) -> (&'a str, &'a str)) {
    let Some(object) = value.as_object_mut() else { return };
    for (from, to) in EVENT_FIELDS.iter().copied().map(direction) {
        if let Some(value) = object.remove(from) {
            object.insert(to.to_owned(), value);
        }
    }
}
