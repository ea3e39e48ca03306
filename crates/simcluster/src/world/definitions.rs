//! The custom resource definitions, shortened to what the instances use.

use serde_json::{Value, json};

struct Definition {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    short: &'static [&'static str],
    cluster_wide: bool,
    spec: Value,
    status: Value,
    /// Name, type, path.
    columns: &'static [(&'static str, &'static str, &'static str)],
}

fn object(properties: Value) -> Value {
    json!({"type": "object", "properties": properties})
}

fn texts(names: &[&str]) -> Value {
    names
        .iter()
        .map(|name| ((*name).to_owned(), json!({"type": "string"})))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn with(mut properties: Value, more: &[(&str, Value)]) -> Value {
    for (name, value) in more {
        properties[*name] = value.clone();
    }
    object(properties)
}

fn conditions() -> Value {
    let mut item = with(
        texts(&["type", "status", "reason", "message"]),
        &[
            ("lastTransitionTime", json!({"type": "string", "format": "date-time"})),
            ("observedGeneration", json!({"type": "integer", "format": "int64"})),
        ],
    );
    item["required"] = json!(["type", "status"]);
    json!({"type": "array", "items": item, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]})
}

fn time() -> Value {
    json!({"type": "string", "format": "date-time"})
}

const READY: (&str, &str, &str) = ("Ready", "string", ".status.conditions[?(@.type==\"Ready\")].status");
const AGE: (&str, &str, &str) = ("Age", "date", ".metadata.creationTimestamp");

/// All that a cluster of the fleet has.
pub(super) fn all() -> Vec<Value> {
    let list = json!({"type": "array", "items": {"type": "string"}});
    let whole = json!({"type": "integer", "format": "int64"});
    let acme = with(texts(&["server", "email"]), &[("privateKeySecretRef", object(texts(&["name"])))]);
    let definitions = [
        Definition {
            group: "cert-manager.io",
            version: "v1",
            kind: "Certificate",
            plural: "certificates",
            short: &["cert", "certs"],
            cluster_wide: false,
            spec: with(
                texts(&["secretName", "duration", "renewBefore", "commonName"]),
                &[("dnsNames", list.clone()), ("issuerRef", object(texts(&["name", "kind", "group"])))],
            ),
            status: with(
                json!({}),
                &[
                    ("notBefore", time()),
                    ("notAfter", time()),
                    ("renewalTime", time()),
                    ("revision", whole.clone()),
                    ("conditions", conditions()),
                ],
            ),
            columns: &[READY, ("Secret", "string", ".spec.secretName"), AGE],
        },
        Definition {
            group: "cert-manager.io",
            version: "v1",
            kind: "ClusterIssuer",
            plural: "clusterissuers",
            short: &["ciss"],
            cluster_wide: true,
            spec: with(json!({}), &[("acme", acme)]),
            status: with(json!({}), &[("conditions", conditions())]),
            columns: &[READY, AGE],
        },
        Definition {
            group: "argoproj.io",
            version: "v1alpha1",
            kind: "Application",
            plural: "applications",
            short: &["app", "apps"],
            cluster_wide: false,
            spec: with(
                texts(&["project"]),
                &[
                    ("destination", object(texts(&["server", "namespace", "name"]))),
                    ("source", object(texts(&["repoURL", "path", "targetRevision", "chart"]))),
                    (
                        "syncPolicy",
                        with(
                            json!({}),
                            &[(
                                "automated",
                                object(
                                    json!({"prune": {"type": "boolean"}, "selfHeal": {"type": "boolean"}}),
                                ),
                            )],
                        ),
                    ),
                ],
            ),
            status: with(
                json!({}),
                &[
                    ("sync", object(texts(&["status", "revision"]))),
                    ("health", with(texts(&["status", "message"]), &[("lastTransitionTime", time())])),
                    ("reconciledAt", time()),
                    ("summary", with(json!({}), &[("images", list.clone())])),
                ],
            ),
            columns: &[
                ("Sync Status", "string", ".status.sync.status"),
                ("Health Status", "string", ".status.health.status"),
                ("Project", "string", ".spec.project"),
            ],
        },
        Definition {
            group: "platform.acme.example",
            version: "v1",
            kind: "Release",
            plural: "releases",
            short: &["rel"],
            cluster_wide: false,
            spec: with(
                texts(&["application", "team", "version", "commit"]),
                &[
                    (
                        "strategy",
                        with(
                            texts(&["type"]),
                            &[("stepPercent", json!({"type": "integer", "minimum": 1, "maximum": 100}))],
                        ),
                    ),
                    ("approvers", list),
                ],
            ),
            status: with(
                texts(&["phase"]),
                &[("observedGeneration", whole), ("deployedAt", time()), ("conditions", conditions())],
            ),
            columns: &[
                ("Application", "string", ".spec.application"),
                ("Version", "string", ".spec.version"),
                ("Phase", "string", ".status.phase"),
                READY,
                AGE,
            ],
        },
    ];
    definitions.into_iter().map(write).collect()
}

fn write(definition: Definition) -> Value {
    let Definition { group, version, kind, plural, short, cluster_wide, spec, status, columns } = definition;
    let columns: Vec<Value> = columns
        .iter()
        .map(|(name, kind, path)| json!({"name": name, "type": kind, "jsonPath": path}))
        .collect();
    let mut schema = object(json!({"spec": spec, "status": status}));
    schema["required"] = json!(["spec"]);
    // Argo CD writes its status as part of the object.
    let subresources = if group == "argoproj.io" { json!({}) } else { json!({"status": {}}) };
    json!({
        "metadata": {"name": format!("{plural}.{group}"), "labels": {"acme.example/managed-by": "platform"}},
        "spec": {
            "group": group, "scope": if cluster_wide { "Cluster" } else { "Namespaced" },
            "names": {"kind": kind, "plural": plural, "singular": kind.to_lowercase(), "listKind": format!("{kind}List"), "shortNames": short},
            "versions": [{"name": version, "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}, "subresources": subresources, "additionalPrinterColumns": columns}],
        },
    })
}
