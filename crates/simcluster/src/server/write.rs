//! POST, PUT, PATCH and DELETE.

use bytes::Bytes;
use http::Request;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::Value;

use super::answer::{self, Answer};
use super::entry::Call;
use super::read::{self, Form};
use super::{logs, review};
use crate::cluster::{
    DeleteOptions, Deletion, List, ListOptions, Part, Patch, Propagation, WriteOptions, crd,
};
use crate::error::ApiError;

/// The real server's limit for a request.
const LIMIT: usize = 3 * 1024 * 1024;

async fn body(request: Request<Incoming>) -> Result<(String, Bytes), ApiError> {
    let media = request.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim().to_owned();
    match Limited::new(request.into_body(), LIMIT).collect().await {
        Ok(body) => Ok((media, body.to_bytes())),
        Err(error) if error.is::<LengthLimitError>() => Err(ApiError::too_large(LIMIT)),
        Err(error) => Err(ApiError::bad_request(error.to_string())),
    }
}

fn parse(call: &Call, media: &str, bytes: &[u8]) -> Result<Value, ApiError> {
    match media {
        "application/json" | "" => serde_json::from_slice(bytes).map_err(|error| {
            let text = String::from_utf8_lossy(bytes);
            ApiError::bad_request(format!(
                "the object provided is unrecognized (must be of type {}): couldn't get version/kind; json parse error: {error} ({text})",
                call.resource.kind
            ))
        }),
        "application/yaml" | "application/apply-patch+yaml" => yaml(bytes),
        "application/vnd.kubernetes.protobuf" => Err(ApiError::new(
            415,
            "UnsupportedMediaType",
            "a simulated cluster reads JSON and YAML, not protobuf: use kubectl apply -f or create -f",
        )),
        _ => Err(unknown_format("application/json, application/yaml, application/vnd.kubernetes.protobuf")),
    }
}

fn unknown_format(accepted: &str) -> ApiError {
    let message = format!(
        "the body of the request was in an unknown format - accepted media types include: {accepted}"
    );
    ApiError::new(415, "UnsupportedMediaType", message)
}

pub(crate) fn yaml(bytes: &[u8]) -> Result<Value, ApiError> {
    let text = std::str::from_utf8(bytes).map_err(|error| ApiError::bad_request(error.to_string()))?;
    serde_saphyr::from_str(text)
        .map_err(|error| ApiError::bad_request(format!("error decoding YAML: {error}")))
}

/// Who says nothing goes by the first word of the program's name.
fn manager(call: &Call) -> String {
    match call.query.text("fieldManager") {
        "" => call.agent.split('/').next().filter(|name| !name.is_empty()).unwrap_or("unknown").to_owned(),
        given => given.to_owned(),
    }
}

fn options(call: &Call) -> WriteOptions {
    WriteOptions {
        part: Part::Whole,
        dry_run: call.query.text("dryRun") == "All",
        strict: call.query.text("fieldValidation") == "Strict",
        manager: manager(call),
        note: true,
        force: call.query.flag("force"),
    }
}

pub(crate) async fn answer(call: &Call, verb: &str, request: Request<Incoming>) -> Result<Answer, ApiError> {
    let form = Form::asked(call)?;
    let (media, bytes) = body(request).await?;
    let (cluster, resource, target) = (&call.cluster, &call.resource, &call.target);
    let options = options(call);
    match verb {
        "create" => {
            let value = parse(call, &media, &bytes)?;
            if let Some(answer) = review::answer(call, value.clone()) {
                return answer;
            }
            let object = cluster.create(resource, &target.namespace, value, &options)?;
            Ok(read::one(call, form, 201, &object))
        }
        "update" => {
            let value = parse(call, &media, &bytes)?;
            let object = cluster.update(resource, &target.namespace, &target.name, value, &options)?;
            Ok(read::one(call, form, 200, &object))
        }
        "patch" if media == "application/apply-patch+yaml" => {
            let value = parse(call, &media, &bytes)?;
            let manager = call.query.text("fieldManager").to_owned();
            let options = WriteOptions { manager, ..options };
            let (object, created) =
                cluster.apply(resource, &target.namespace, &target.name, value, &options)?;
            Ok(read::one(call, form, if created { 201 } else { 200 }, &object))
        }
        "patch" if resource.is_custom() && media == "application/strategic-merge-patch+json" => {
            Err(unknown_format(
                "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
            ))
        }
        "patch" => {
            let patch = patch(&media, &bytes)?;
            let object = cluster.patch(resource, &target.namespace, &target.name, &patch, &options)?;
            Ok(read::one(call, form, 200, &object))
        }
        "delete" => {
            let options = delete_options(call, &bytes)?;
            let deletion = cluster.delete(resource, &target.namespace, &target.name, &options)?;
            Ok(deleted(call, form, &deletion))
        }
        "deletecollection" => delete_all(call, &bytes),
        _ => Err(ApiError::method_not_allowed()),
    }
}

fn patch(media: &str, bytes: &[u8]) -> Result<Patch, ApiError> {
    let value = || {
        serde_json::from_slice(bytes)
            .map_err(|error| ApiError::bad_request(format!("error decoding patch: {error}")))
    };
    match media {
        "application/json-patch+json" => Ok(Patch::Json(value()?)),
        "application/merge-patch+json" => Ok(Patch::Merge(value()?)),
        "application/strategic-merge-patch+json" => Ok(Patch::Strategic(value()?)),
        _ => Err(ApiError::unsupported_media_type()),
    }
}

/// A `metav1.DeleteOptions`.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Options {
    grace_period_seconds: Option<i64>,
    propagation_policy: Option<String>,
    orphan_dependents: Option<bool>,
    preconditions: Preconditions,
    dry_run: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Preconditions {
    uid: Option<String>,
    resource_version: Option<String>,
}

fn delete_options(call: &Call, bytes: &[u8]) -> Result<DeleteOptions, ApiError> {
    let given: Options = if bytes.is_empty() {
        Options::default()
    } else {
        serde_json::from_slice(bytes).map_err(|error| ApiError::bad_request(error.to_string()))?
    };
    let query = |key: &str| Some(call.query.text(key)).filter(|text| !text.is_empty());
    let policy = given.propagation_policy.as_deref().or(query("propagationPolicy"));
    let propagation = match (policy, given.orphan_dependents) {
        (Some("Foreground"), _) => Some(Propagation::Foreground),
        (Some("Background"), _) | (None, Some(false)) => Some(Propagation::Background),
        (Some("Orphan"), _) | (None, Some(true)) => Some(Propagation::Orphan),
        (None, None) => None,
        (Some(other), _) => {
            return Err(ApiError::invalid(
                "DeleteOptions",
                "meta.k8s.io",
                "",
                &[crate::error::Cause::unsupported(
                    "propagationPolicy",
                    &Value::from(other),
                    &["Foreground", "Background", "Orphan", "nil"],
                )],
            ));
        }
    };
    Ok(DeleteOptions {
        grace: given.grace_period_seconds.or_else(|| query("gracePeriodSeconds")?.parse().ok()),
        propagation,
        uid: given.preconditions.uid,
        resource_version: given.preconditions.resource_version,
        dry_run: given.dry_run.iter().any(|d| d == "All") || query("dryRun") == Some("All"),
    })
}

/// Kinds whose deletion is answered with the object, not with a `Status`.
const RETURNED: &[&str] = &[
    "pods",
    "services",
    "serviceaccounts",
    "persistentvolumes",
    "persistentvolumeclaims",
    "podtemplates",
    "resourcequotas",
    "limitranges",
    "storageclasses.storage.k8s.io",
];

fn deleted(call: &Call, form: Form, deletion: &Deletion) -> Answer {
    match deletion {
        Deletion::Marked(object) => read::one(call, form, 200, object),
        Deletion::Gone(object) if RETURNED.contains(&&*call.resource.storage) => {
            read::one(call, form, 200, object)
        }
        Deletion::Gone(object) if crd::is_definition(&call.resource) => {
            read::one(call, form, 200, &crd::leaving(&call.cluster, object))
        }
        Deletion::Gone(object) => answer::success(&call.resource, &object.key.name, &object.uid.to_string()),
    }
}

/// Answers with the list of what was selected.
fn delete_all(call: &Call, bytes: &[u8]) -> Result<Answer, ApiError> {
    let options = delete_options(call, bytes)?;
    let list = ListOptions { selection: read::selection(call)?, ..ListOptions::default() };
    let mut found = call.cluster.list(&call.resource, &list)?;
    let mut gone = Vec::new();
    for object in std::mem::take(&mut found.items) {
        match call.cluster.delete(&call.resource, &object.key.namespace, &object.key.name, &options) {
            Ok(Deletion::Gone(_)) => gone.push(object),
            Ok(Deletion::Marked(marked)) => gone.push(marked),
            // Somebody else was faster.
            Err(error) if error.code == 404 => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read::write_list(call, Form::Whole, List { items: gone, ..found }))
}

pub(crate) async fn subresource(
    call: &Call,
    verb: &str,
    request: Request<Incoming>,
) -> Result<Answer, ApiError> {
    let (cluster, resource, target) = (&call.cluster, &call.resource, &call.target);
    let sub = resource.subresource(&target.subresource).ok_or_else(ApiError::no_such_resource)?;
    if !sub.entry["verbs"].as_array().is_some_and(|verbs| verbs.iter().any(|v| v == verb)) {
        return Err(ApiError::method_not_allowed());
    }
    if sub.name == "log" {
        return logs::answer(call);
    }
    let form = Form::asked(call)?;
    let (media, bytes) = body(request).await?;
    let options = options(call);
    let (namespace, name) = (&target.namespace, &target.name);
    if sub.name == "scale" {
        let object = cluster.get(resource, namespace, name)?;
        let scale = cluster.scale(resource, &object);
        let wanted = match verb {
            "get" => return Ok(answer::json(200, &scale)),
            "update" => parse(call, &media, &bytes)?,
            _ => {
                let mut wanted = scale.clone();
                match patch(&media, &bytes)? {
                    Patch::Json(patch) => {
                        let patch: json_patch::Patch = serde_json::from_value(patch).map_err(|error| {
                            ApiError::bad_request(format!("error decoding patch: {error}"))
                        })?;
                        json_patch::patch(&mut wanted, &patch)
                            .map_err(|error| ApiError::bad_request(error.to_string()))?;
                    }
                    Patch::Merge(patch) | Patch::Strategic(patch) | Patch::Whole(patch) => {
                        json_patch::merge(&mut wanted, &patch);
                    }
                }
                wanted
            }
        };
        let object = cluster.rescale(resource, namespace, name, &wanted, &options)?;
        return Ok(answer::json(200, &cluster.scale(resource, &object)));
    }
    if sub.name == "finalize" {
        let wanted = parse(call, &media, &bytes)?;
        let object = cluster.finalize(name, &wanted)?;
        return Ok(read::one(call, form, 200, &object));
    }
    let options = WriteOptions { part: Part::Status, ..options };
    let object = match verb {
        "get" => cluster.get(resource, namespace, name)?,
        "update" => cluster.update(resource, namespace, name, parse(call, &media, &bytes)?, &options)?,
        _ => cluster.patch(resource, namespace, name, &patch(&media, &bytes)?, &options)?,
    };
    Ok(read::one(call, form, 200, &object))
}
