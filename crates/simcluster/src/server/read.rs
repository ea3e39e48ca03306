//! GET: one object, and lists in pages. A list is written while it is sent, a piece at a time.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream;
use serde_json::json;

use super::answer::{self, Answer};
use super::body;
use super::entry::Call;
use super::mangle::{self, Place};
use super::metrics;
use super::table::{Include, Table};
use crate::cluster::{List, ListOptions, VersionMatch};
use crate::error::{ApiError, Cause};
use crate::faults::Faults;
use crate::object::Object;
use crate::resources::Resource;
use crate::selector::Selection;
use crate::{cluster, convert};

const ACCEPTED: &str = "application/json, application/yaml, application/vnd.kubernetes.protobuf";
const AVAILABLE: &str = "application/json, application/yaml, application/vnd.kubernetes.protobuf, application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch";

/// How objects are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Whole,
    /// `PartialObjectMetadata`.
    Metadata,
    /// For people.
    Table(Table),
}

impl Form {
    /// From the Accept header: the first that can be served.
    pub fn asked(call: &Call) -> Result<Self, ApiError> {
        let mut known = false;
        for clause in call.accept.split(',') {
            let mut parts = clause.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default();
            if !matches!(media, "application/json" | "*/*" | "application/*" | "") {
                continue;
            }
            known = true;
            let parts: Vec<&str> = parts.collect();
            let kind = parts.iter().find_map(|part| part.strip_prefix("as="));
            match kind {
                None => return Ok(Self::Whole),
                // The beta is older than any client that lives.
                Some("Table") if parts.contains(&"v=v1") => return Self::table(call),
                Some("PartialObjectMetadata" | "PartialObjectMetadataList") => return Ok(Self::Metadata),
                Some(_) => {}
            }
        }
        // JSON, but in a form that there isn't.
        Err(if known { ApiError::no_such_form(ACCEPTED) } else { ApiError::not_acceptable(AVAILABLE) })
    }

    fn table(call: &Call) -> Result<Self, ApiError> {
        let include = match call.query.text("includeObject") {
            "" | "Metadata" => Include::Metadata,
            "None" => Include::Nothing,
            "Object" => Include::Whole,
            other => {
                return Err(ApiError::bad_request(format!(
                    "Unable to convert to Table as requested: includeObject: Invalid value: \"{other}\": must be 'Metadata', 'Object', 'None', or empty"
                )));
            }
        };
        Ok(Self::Table(Table { include, now: call.cluster.clock().now(), headers: true }))
    }

    /// One object with its kind.
    pub fn write(self, resource: &Resource, object: &Object, out: &mut Vec<u8>) {
        match self {
            Self::Table(table) => table.write_one(resource, object, out),
            Self::Metadata => {
                out.extend_from_slice(
                    br#"{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":"#,
                );
                object.write_metadata(out);
                out.push(b'}');
            }
            Self::Whole if convert::is_needed(resource) => {
                out.extend_from_slice(cluster::served(resource, object).to_string().as_bytes());
            }
            Self::Whole => object.write_typed(&resource.kind, &resource.api_version(), out),
        }
    }

    /// As an item of a list, where the kind is the list's (custom resources say theirs nevertheless).
    pub fn write_item(self, resource: &Resource, object: &Object, out: &mut Vec<u8>) {
        if let Self::Table(table) = self {
            return table.write_row(resource, object, out);
        }
        if self != Self::Whole || resource.is_custom() {
            return self.write(resource, object, out);
        }
        if !convert::is_needed(resource) {
            return object.write(out);
        }
        let mut value = cluster::served(resource, object);
        if let Some(object) = value.as_object_mut() {
            object.remove("kind");
            object.remove("apiVersion");
        }
        out.extend_from_slice(value.to_string().as_bytes());
    }
}

pub(crate) fn selection(call: &Call) -> Result<Selection, ApiError> {
    let (labels, fields) = (call.query.text("labelSelector"), call.query.text("fieldSelector"));
    Selection::new(&call.resource, &call.target.namespace, labels, fields)
}

/// The resourceVersion of a query: `None` when it isn't given.
pub(crate) fn version(call: &Call) -> Result<Option<u64>, ApiError> {
    match call.query.text("resourceVersion") {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| {
            let text_is = format!("resourceVersion: Invalid value: \"{text}\": strconv.ParseUint: parsing \"{text}\": invalid syntax");
            ApiError::bad_request(format!("invalid resource version: {text_is}"))
        }),
    }
}

pub(crate) fn options_invalid(causes: &[Cause]) -> ApiError {
    ApiError::invalid("ListOptions", "meta.k8s.io", "", causes)
}

pub(crate) fn get(call: &Call) -> Result<Answer, ApiError> {
    if let Some(answer) = metrics::answer(call) {
        return answer;
    }
    let form = Form::asked(call)?;
    let object = call.cluster.get(&call.resource, &call.target.namespace, &call.target.name)?;
    Ok(one(call, form, 200, &object))
}

pub(crate) fn one(call: &Call, form: Form, code: u16, object: &Object) -> Answer {
    let mut text = Vec::new();
    form.write(&call.resource, object, &mut text);
    answer::json_text(code, text)
}

fn version_match(call: &Call) -> Result<VersionMatch, ApiError> {
    let text = call.query.text("resourceVersionMatch");
    let version = call.query.text("resourceVersion");
    let forbidden = |why: &str| Err(options_invalid(&[Cause::forbidden("resourceVersionMatch", why)]));
    let found = match text {
        "" => return Ok(VersionMatch::Unset),
        "NotOlderThan" => VersionMatch::NotOlderThan,
        "Exact" => VersionMatch::Exact,
        other => {
            let allowed = ["Exact", "NotOlderThan", ""];
            return Err(options_invalid(&[Cause::unsupported(
                "resourceVersionMatch",
                &json!(other),
                &allowed,
            )]));
        }
    };
    if call.query.has("continue") && !call.query.text("continue").is_empty() {
        return forbidden("resourceVersionMatch is forbidden when continue is provided");
    }
    if version.is_empty() {
        return forbidden("resourceVersionMatch is forbidden unless resourceVersion is provided");
    }
    if found == VersionMatch::Exact && version == "0" {
        return forbidden("resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
    }
    Ok(found)
}

pub(crate) fn list(call: &Call) -> Result<Answer, ApiError> {
    if let Some(answer) = metrics::answer(call) {
        return answer;
    }
    let form = Form::asked(call)?;
    if call.query.has("sendInitialEvents") {
        let cause = Cause::forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list");
        return Err(options_invalid(&[cause]));
    }
    let continued = !call.query.text("continue").is_empty();
    if continued && !matches!(call.query.text("resourceVersion"), "" | "0") {
        return Err(ApiError::bad_request("specifying resource version is not allowed when using continue"));
    }
    let mut options = ListOptions {
        selection: selection(call)?,
        limit: call.query.text("limit").parse().unwrap_or(0),
        continue_token: call.query.text("continue").to_owned(),
        resource_version: version(call)?,
        version_match: version_match(call)?,
    };
    // The server answers `0` from its cache, whole.
    if options.resource_version == Some(0) && options.version_match == VersionMatch::Unset {
        options.limit = 0;
    }
    // With a limit, a revision without a match means exactly that one.
    if options.limit > 0
        && options.version_match == VersionMatch::Unset
        && options.resource_version.is_some_and(|v| v > 0)
    {
        options.version_match = VersionMatch::Exact;
    }
    let list = call.cluster.list(&call.resource, &options)?;
    Ok(write_list(call, form, list))
}

pub(crate) fn write_list(call: &Call, form: Form, list: List) -> Answer {
    let mut metadata = json!({"resourceVersion": list.revision.to_string()});
    if !list.continue_token.is_empty() || call.resource.is_custom() && form == Form::Whole {
        metadata["continue"] = json!(list.continue_token);
    }
    if let Some(remaining) = list.remaining {
        metadata["remainingItemCount"] = json!(remaining);
    }
    let of = |kind: &str, api_version: &str| {
        format!(r#"{{"kind":"{kind}","apiVersion":"{api_version}","metadata":{metadata},"items":["#)
    };
    let head = match form {
        Form::Whole => of(&call.resource.list_kind, &call.resource.api_version()),
        Form::Metadata => of("PartialObjectMetadataList", "meta.k8s.io/v1"),
        Form::Table(table) => table.head(&call.resource, &metadata),
    };
    // A real server makes this form of an empty list from nothing at all.
    if form == Form::Metadata && list.items.is_empty() {
        let head = head.trim_end_matches('[');
        return answer::json_text(200, format!("{head}null}}\n").into_bytes());
    }
    let body = pieces(head, Arc::clone(&call.resource), form, list.items, Arc::new(call.cluster.faults()));
    answer::with_body(200, "application/json", body)
}

/// About this much of a list is in memory as text.
const PIECE: usize = 256 * 1024;

fn pieces(
    head: String,
    resource: Arc<Resource>,
    form: Form,
    items: Vec<Arc<Object>>,
    faults: Arc<Faults>,
) -> body::Body {
    let start = (Some(head.into_bytes()), items.into_iter(), true);
    let chunks = stream::unfold(start, move |(head, mut items, first)| {
        let (resource, faults) = (Arc::clone(&resource), Arc::clone(&faults));
        async move {
            // `None` after the last piece.
            let mut text = head?;
            let mut first = first;
            while text.len() < PIECE {
                let Some(object) = items.next() else {
                    text.extend_from_slice(b"]}\n");
                    return Some((Ok(Bytes::from(text)), (None, items, first)));
                };
                if !std::mem::take(&mut first) {
                    text.push(b',');
                }
                mangle::write(&faults, Place::Item, form, &resource, &object, &mut text);
            }
            Some((Ok(Bytes::from(text)), (Some(Vec::new()), items, first)))
        }
    });
    body::stream(chunks)
}
