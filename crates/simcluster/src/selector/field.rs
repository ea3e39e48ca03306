//! `metadata.name=x,spec.nodeName!=y`, for the fields that each kind knows.

use crate::error::ApiError;
use crate::object::Object;
use crate::resources::{Resource, Shape};

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct FieldSelector {
    terms: Vec<Term>,
}

#[derive(Debug, Clone, PartialEq)]
struct Term {
    path: String,
    equal: bool,
    value: String,
}

const PODS: &[&str] = &[
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.podIPs",
    "status.nominatedNodeName",
];
const CORE_EVENTS: &[&str] = &[
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
];
const EVENTS: &[&str] = &[
    "regarding.kind",
    "regarding.namespace",
    "regarding.name",
    "regarding.uid",
    "regarding.apiVersion",
    "regarding.resourceVersion",
    "regarding.fieldPath",
    "reason",
    "reportingController",
    "type",
];

/// Besides `metadata.name` and `metadata.namespace`, which all have; `None` where those are all and the message says so.
fn known(resource: &Resource) -> Option<&'static [&'static str]> {
    Some(match (resource.group.as_str(), resource.plural.as_str()) {
        ("", "pods") => PODS,
        ("", "nodes") => &["spec.unschedulable"],
        ("", "namespaces") => &["status.phase"],
        ("", "replicationcontrollers") | ("apps", "replicasets") => &["status.replicas"],
        ("", "events") => CORE_EVENTS,
        ("events.k8s.io", "events") => EVENTS,
        ("", "secrets") => &["type"],
        ("", "services") => &["spec.clusterIP", "spec.type"],
        ("batch", "jobs") => &["status.successful"],
        ("certificates.k8s.io", "certificatesigningrequests") => &["spec.signerName"],
        _ => return None,
    })
}

fn unknown(field: &str, resource: &Resource) -> ApiError {
    ApiError::bad_request(match (resource.group.as_str(), resource.plural.as_str()) {
        ("batch", "jobs") => format!("field label \"{field}\" not supported for Job"),
        _ if resource.group != "apps" && known(resource).is_some() || resource.is_custom() => {
            format!("field label not supported: {field}")
        }
        _ => format!(
            "\"{field}\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
        ),
    })
}

/// The path in the stored object, whose events are those of the core group.
fn stored(path: &str, resource: &Resource) -> String {
    match path.strip_prefix("regarding.") {
        Some(rest) if resource.plural == "events" => format!("involvedObject.{rest}"),
        _ if path == "reportingController" => "reportingComponent".to_owned(),
        _ if path == "source" => "source.component".to_owned(),
        _ => path.to_owned(),
    }
}

impl FieldSelector {
    pub fn parse(text: &str, resource: &Resource) -> Result<Self, ApiError> {
        let mut terms = Vec::new();
        for part in split(text) {
            if part.is_empty() {
                continue;
            }
            let Some((path, equal, value)) = term(&part) else {
                return Err(ApiError::bad_request(format!(
                    "invalid selector: '{text}'; can't understand '{part}'"
                )));
            };
            let value = unescape(value).ok_or_else(|| {
                ApiError::bad_request(format!("invalid field selector: invalid escape sequence in: {value}"))
            })?;
            let selectable = match &resource.schema {
                Shape::Custom(custom) => custom.selectable.iter().any(|field| field == path),
                _ => known(resource).is_some_and(|fields| fields.contains(&path)),
            };
            let metadata = path == "metadata.name" || path == "metadata.namespace" && resource.namespaced;
            if !metadata && !selectable && path != "metadata.namespace" {
                return Err(unknown(path, resource));
            }
            terms.push(Term { path: stored(path, resource), equal, value });
        }
        Ok(Self { terms })
    }

    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    pub fn matches(&self, object: &Object) -> bool {
        self.terms.iter().all(|term| {
            let found = object.field(&term.path);
            let found = match (term.path.as_str(), found.as_ref()) {
                // A flag that isn't there is false.
                ("spec.unschedulable" | "spec.hostNetwork", "") => "false",
                ("status.replicas" | "status.successful", "") => "0",
                (_, text) => text,
            };
            (found == term.value) == term.equal
        })
    }
}

/// At commas that no backslash stands before.
fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut escaped = false;
    for c in text.chars() {
        if c == ',' && !escaped {
            parts.push(String::new());
            continue;
        }
        escaped = c == '\\' && !escaped;
        if let Some(last) = parts.last_mut() {
            last.push(c);
        }
    }
    parts
}

fn term(part: &str) -> Option<(&str, bool, &str)> {
    for (index, _) in part.char_indices() {
        let rest = &part[index..];
        for (operator, equal) in [("!=", false), ("==", true), ("=", true)] {
            if let Some(value) = rest.strip_prefix(operator) {
                return Some((&part[..index], equal, value));
            }
        }
    }
    None
}

fn unescape(value: &str) -> Option<String> {
    let mut out = String::new();
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next()? {
                c @ ('\\' | ',' | '=') => out.push(c),
                _ => return None,
            },
            ',' | '=' => return None,
            c => out.push(c),
        }
    }
    Some(out)
}
