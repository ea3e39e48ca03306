//! The differences that are allowed. Few, each with its reason.

use serde_json::{Value, json};

use crate::compare::Difference;
use crate::script::Step;

/// (the path of the request, the end of the place in the answer, why)
const ALLOWED: &[(&str, &str, &str)] = &[
    (
        "",
        ".managedFields",
        "who set which field is kept for apply alone, and costs more memory than the object",
    ),
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

/// The words of Go's decoders, which ours does not share; code, reason and the beginning of the message are compared.
const DECODERS: &[&str] = &[
    "json parse error:",
    "error decoding patch:",
    "continue key is not valid:",
    "patch: Invalid value:",
    "Object 'Kind' is missing",
];

fn text(value: Option<&Value>) -> String {
    value.map(Value::to_string).unwrap_or_default()
}

pub fn is_allowed(step: &Step, difference: &Difference) -> bool {
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
    let (real, simulated) = (text(difference.real.as_ref()), text(difference.simulated.as_ref()));
    let worded = DECODERS.iter().any(|words| real.contains(words) && simulated.contains(words));
    // A check of the scale subresource's paths, which says in other words what the schema said.
    let worded = worded || real.contains("accessor error") || real.contains("unrecognized type:");
    let whole_patch =
        difference.at.contains("causes") && real.contains("apiVersion") && simulated.contains("apiVersion");
    // Deleting a definition shows it with a finalizer that a controller of the real server takes away later.
    let definition = step.method == "DELETE" && step.path.contains("/customresourcedefinitions/");
    listed || worded || whole_patch || definition
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
