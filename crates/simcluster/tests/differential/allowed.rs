//! The differences that are allowed. Few, each with its reason.

use serde_json::{Value, json};

use crate::compare::Difference;
use crate::script::Step;

/// (the path of the request, the end of the place in the answer, why)
const ALLOWED: &[(&str, &str, &str)] = &[
    ("/version", "body.compiler", "another program"),
    ("/version", "body.gitCommit", "another program"),
    ("/version", "body.goVersion", "another program"),
    ("/api", ".serverAddress", "another address"),
    (
        "/apis/example.com/v1",
        ".storageVersionHash",
        "of custom resources: told by nobody, read by the storage migrator alone",
    ),
    (
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        "body.status.conditions",
        "definitions are established at once",
    ),
    (
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        "body.status.storedVersions",
        "definitions are established at once",
    ),
    (
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        "body.status.acceptedNames",
        "definitions are established at once",
    ),
];

/// Messages whose end is in the words of Go's decoders, which ours doesn't share. Everything up to and with these words
/// is the same in both, and so are code, reason, and all else.
const DECODERS: &[&str] = &[
    "couldn't get version/kind; json parse error: ",
    "error decoding patch: ",
    "invalid continue token: continue key is not valid: ",
    // The body follows, shortened.
    "Object 'Kind' is missing",
];

/// The scripts in which `managedFields` are compared. In the others, what differs is who is said to own what the server
/// fills in by itself, what a custom resource defaults, and what is written through the scale subresource.
const OWNERS_COMPARED: &[&str] = &["managed fields", "apply", "strategic", "objects", "conflicts"];

fn is_message(at: &str) -> bool {
    at == "body.message" || at.starts_with("body.details.causes[") && at.ends_with("].message")
}

fn is_decoders(real: &str, simulated: &str) -> bool {
    DECODERS.iter().any(|words| {
        let cut = |text: &str| text.find(words).map(|at| text[..at].to_owned());
        cut(real).is_some() && cut(real) == cut(simulated)
    })
}

/// A message that shows the object that a patch made, as JSON within the text. Go writes its fields in another order and
/// the two have other uids and versions, so the objects are compared as objects, and the rest of the text as it is.
fn shows_equal_objects(real: &str, simulated: &str) -> bool {
    let taken = |text: &str| {
        let (before, rest) = text.split_once("Invalid value: \"")?;
        let (object, after) = rest.rsplit_once("\": ")?;
        let object: String = serde_json::from_str(&format!("\"{object}\"")).ok()?;
        let mut object: Value = serde_json::from_str(&object).ok()?;
        for key in ["uid", "resourceVersion", "creationTimestamp", "managedFields"] {
            object["metadata"].as_object_mut()?.remove(key);
        }
        Some((before.to_owned(), object, after.to_owned()))
    };
    taken(real).is_some() && taken(real) == taken(simulated)
}

/// A strategic merge into typed fields fails in the merge there and in decoding here: same code, reason, field.
fn is_of_another_stage(real: &str, simulated: &str) -> bool {
    real.starts_with(" \"\" is invalid: patch: Invalid value: ")
        == simulated.starts_with(" \"\" is invalid: patch: ")
        && real.ends_with("unrecognized type: int32")
        && simulated.contains("json: cannot unmarshal string into Go struct field")
}

/// The paths of the scale subresource are checked once more there, after the schema has said what is wrong.
fn adds_an_accessor(difference: &Difference, real: &str, simulated: &str) -> bool {
    const SAID_AGAIN: &str = " accessor error: ";
    if difference.at == "body.details.causes" {
        let (Some(Value::Array(real)), Some(Value::Array(simulated))) =
            (&difference.real, &difference.simulated)
        else {
            return false;
        };
        let (again, first): (Vec<&Value>, Vec<&Value>) = real
            .iter()
            .partition(|cause| cause["message"].as_str().is_some_and(|text| text.contains(SAID_AGAIN)));
        return again.len() == 1 && first == simulated.iter().collect::<Vec<_>>();
    }
    let first =
        simulated.split_once(" is invalid: ").map(|(who, why)| format!("{who} is invalid: [{why}, ."));
    first.is_some_and(|first| real.starts_with(&first)) && real.contains(SAID_AGAIN)
}

pub fn is_allowed(script: &str, step: &Step, difference: &Difference) -> bool {
    let listed = ALLOWED.iter().any(|(path, end, _)| {
        (path.is_empty() || step.path.split('?').next() == Some(path)) && difference.at.ends_with(end)
    });
    // The real server makes rows of its internal type, which has this annotation as a field.
    let daemon_set = step.path.contains("/daemonsets")
        && difference.at.contains("rows[")
        && difference.at.ends_with(".object.metadata.annotations")
        && difference.real.is_none()
        && difference.simulated == Some(json!({"deprecated.daemonset.template.generation": "1"}));
    let listed = listed || daemon_set;
    let text = |value: &Option<Value>| value.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
    let (real, simulated) = (text(&difference.real), text(&difference.simulated));
    let worded = is_message(&difference.at)
        && (is_decoders(&real, &simulated)
            || shows_equal_objects(&real, &simulated)
            || is_of_another_stage(&real, &simulated));
    let scaled =
        step.path.starts_with("/apis/example.com/v1/") && adds_an_accessor(difference, &real, &simulated);
    let managed = difference.at.contains("managedFields") && !OWNERS_COMPARED.contains(&script);
    listed || worded || scaled || managed
}

/// Kubectl's interactive paths and the admission of pods have no place here, so discovery doesn't offer them; metrics are
/// those of an aggregated server, which the real one beside us lacks.
pub fn trim(answer: &mut Value) {
    const OFFERED: [&str; 4] = ["status", "scale", "log", "finalize"];
    let body = &mut answer["body"];
    // The uid of a user, in reviews: users of a token file have one there, and none here.
    for user in ["user", "userInfo"] {
        if let Some(user) = body.get_mut("status").and_then(|status| status.get_mut(user)?.as_object_mut()) {
            user.remove("uid");
        }
    }
    // The rules of a SelfSubjectRulesReview come in the order of the server's caches, which has none.
    for rules in ["resourceRules", "nonResourceRules"] {
        if let Some(rules) = body.get_mut("status").and_then(|status| status.get_mut(rules)?.as_array_mut()) {
            rules.sort_by_key(Value::to_string);
        }
    }
    for list in ["groups", "items"] {
        if let Some(groups) = body.get_mut(list).and_then(Value::as_array_mut) {
            groups.retain(|group| {
                group["name"] != "metrics.k8s.io" && group["metadata"]["name"] != "metrics.k8s.io"
            });
        }
    }
    if let Some(resources) = body.get_mut("resources").and_then(Value::as_array_mut) {
        resources.retain(|resource| {
            resource["name"]
                .as_str()
                .and_then(|name| name.split_once('/'))
                .is_none_or(|(_, sub)| OFFERED.contains(&sub))
        });
    }
    for group in body.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten() {
        for version in group.get_mut("versions").and_then(Value::as_array_mut).into_iter().flatten() {
            for resource in version.get_mut("resources").and_then(Value::as_array_mut).into_iter().flatten() {
                let Some(subs) = resource.get_mut("subresources").and_then(Value::as_array_mut) else {
                    continue;
                };
                subs.retain(|sub| sub["subresource"].as_str().is_some_and(|name| OFFERED.contains(&name)));
                if subs.is_empty()
                    && let Some(resource) = resource.as_object_mut()
                {
                    resource.remove("subresources");
                }
            }
        }
    }
}
