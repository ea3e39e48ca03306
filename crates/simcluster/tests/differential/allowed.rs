//! The differences that are allowed. Few, each with its reason.

use serde_json::Value;

use crate::compare::Difference;
use crate::script::Step;

/// (the path of the request, the end of the place in the answer, why)
const ALLOWED: &[(&str, &str, &str)] = &[
    ("", ".managedFields", "who set which field is kept for apply alone, and costs more memory than the object"),
    ("/version", "body.compiler", "another program"),
    ("/version", "body.gitCommit", "another program"),
    ("/version", "body.goVersion", "another program"),
    ("/api", ".serverAddress", "another address"),
    ("/apis/example.com/v1", ".storageVersionHash", "of custom resources: told by nobody, read by the storage migrator alone"),
    ("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", "body.status.conditions", "definitions are established at once"),
    ("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", "body.status.storedVersions", "definitions are established at once"),
    ("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", "body.status.acceptedNames", "definitions are established at once"),
];

/// The words of Go's decoders, which ours does not share; code, reason and the beginning of the message are compared.
const DECODERS: &[&str] = &[
    "json parse error:",
    "error decoding patch:",
    "continue key is not valid:",
    "patch: Invalid value:",
    "Object 'Kind' is missing",
    "accessor error",
];

fn text(value: Option<&Value>) -> String {
    value.map(Value::to_string).unwrap_or_default()
}

pub fn is_allowed(step: &Step, difference: &Difference) -> bool {
    let listed = ALLOWED.iter().any(|(path, end, _)| {
        (path.is_empty() || step.path.split('?').next() == Some(path)) && difference.at.ends_with(end)
    });
    let (real, simulated) = (text(difference.real.as_ref()), text(difference.simulated.as_ref()));
    let worded = DECODERS.iter().any(|words| real.contains(words) && simulated.contains(words));
    let whole_patch = difference.at.contains("causes") && real.contains("apiVersion") && simulated.contains("apiVersion");
    // Deleting a definition shows it with a finalizer that a controller of the real server takes away later.
    let definition = step.method == "DELETE" && step.path.contains("/customresourcedefinitions/");
    listed || worded || whole_patch || definition
}
