//! What teams run, and how a pod of theirs looks. The shapes are those of usual Helm charts.

use serde_json::{Value, json};

use super::{FAULT_LABEL, SEEDED_LABEL};

pub(super) const TEAMS: [&str; 12] = [
    "checkout",
    "payments",
    "search",
    "catalog",
    "identity",
    "shipping",
    "pricing",
    "media",
    "reviews",
    "billing",
    "analytics",
    "messaging",
];

const ROLES: [(&str, &str); 8] = [
    ("api", "Deployment behind the public gateway"),
    ("worker", "Takes jobs from the queue"),
    ("web", "Server-side rendering"),
    ("cache", "Read-through cache"),
    ("gateway", "Edge of the team's services"),
    ("indexer", "Builds search documents"),
    ("scheduler", "Plans periodic jobs"),
    ("exporter", "Feeds the data warehouse"),
];

pub(super) const SERVICE_ACCOUNT: &str = "app";
pub(super) const PULL_SECRET: &str = "registry-credentials";
pub(super) const CONFIG: &str = "app-config";
pub(super) const SECRET: &str = "app-secrets";
pub(super) const CLAIM: &str = "shared-data";

/// One application of a team. Everything about it follows from its numbers, so a seed is the same each time.
#[derive(Debug, Clone)]
pub(super) struct App {
    pub team: String,
    pub name: String,
    pub environment: String,
    pub version: String,
    pub role: usize,
    pub fault: Option<&'static str>,
}

impl App {
    /// The `index`-th app of a team. With `faults`, each seventh can't pull its image or crashes.
    pub(super) fn new(team: &str, environment: &str, index: usize, faults: bool) -> Self {
        let (role, round) = (index % ROLES.len(), index / ROLES.len());
        let suffix = if round == 0 { String::new() } else { format!("-{}", round + 1) };
        let fault = match index % 14 {
            6 if faults => Some("image-pull"),
            13 if faults => Some("crash-loop"),
            _ => None,
        };
        Self {
            team: team.to_owned(),
            name: format!("{team}-{}{suffix}", ROLES[role].0),
            environment: environment.to_owned(),
            version: format!("2.{}.{}", index % 9, index % 5),
            role,
            fault,
        }
    }

    pub(super) fn selector(&self) -> Value {
        json!({ "app.kubernetes.io/name": self.name, "app.kubernetes.io/instance": self.environment })
    }

    pub(super) fn labels(&self) -> Value {
        json!({
            "app.kubernetes.io/name": self.name,
            "app.kubernetes.io/instance": self.environment,
            "app.kubernetes.io/version": self.version,
            "app.kubernetes.io/component": ROLES[self.role].0,
            "app.kubernetes.io/part-of": self.team,
            "app.kubernetes.io/managed-by": "Helm",
            "helm.sh/chart": format!("service-{}", self.version),
            "team": self.team,
            "env": self.environment,
            SEEDED_LABEL: "true",
        })
    }

    pub(super) fn description(&self) -> &'static str {
        ROLES[self.role].1
    }

    pub(super) fn image(&self) -> String {
        format!("registry.example.com/{}/{}:{}", self.team, self.name, self.version)
    }

    /// `metadata` and `spec` of the pods.
    pub(super) fn pod_template(&self) -> Value {
        let mut labels = self.labels();
        if let Some(fault) = self.fault {
            labels[FAULT_LABEL] = json!(fault);
        }
        json!({
            "metadata": {
                "labels": labels,
                "annotations": {
                    "prometheus.io/scrape": "true",
                    "prometheus.io/port": "9090",
                    "checksum/config": format!("{:064x}", self.role * 7919 + self.name.len()),
                },
            },
            "spec": {
                "serviceAccountName": SERVICE_ACCOUNT,
                "imagePullSecrets": [{ "name": PULL_SECRET }],
                "terminationGracePeriodSeconds": 45,
                "securityContext": { "runAsNonRoot": true, "runAsUser": 10001, "fsGroup": 10001 },
                "initContainers": [self.migration()],
                "containers": [self.main_container(), self.proxy_sidecar()],
                "volumes": volumes(),
                "affinity": { "podAntiAffinity": { "preferredDuringSchedulingIgnoredDuringExecution": [{
                    "weight": 50,
                    "podAffinityTerm": {
                        "topologyKey": "kubernetes.io/hostname",
                        "labelSelector": { "matchLabels": self.selector() },
                    },
                }] } },
                "topologySpreadConstraints": [{
                    "maxSkew": 1,
                    "topologyKey": "topology.kubernetes.io/zone",
                    "whenUnsatisfiable": "ScheduleAnyway",
                    "labelSelector": { "matchLabels": self.selector() },
                }],
            },
        })
    }

    fn migration(&self) -> Value {
        json!({
            "name": "migrate",
            "image": self.image(),
            "command": ["/app/migrate", "--wait"],
            "env": [from_secret("DATABASE_URL", "database-url")],
            "resources": { "requests": { "cpu": "10m", "memory": "32Mi" }, "limits": { "memory": "128Mi" } },
        })
    }

    fn main_container(&self) -> Value {
        json!({
            "name": "app",
            "image": self.image(),
            "imagePullPolicy": "IfNotPresent",
            "args": ["--config=/etc/app/config.yaml", "--listen=:8080"],
            "ports": [
                { "name": "http", "containerPort": 8080 },
                { "name": "metrics", "containerPort": 9090 },
            ],
            "env": [
                from_field("POD_NAME", "metadata.name"),
                from_field("POD_NAMESPACE", "metadata.namespace"),
                from_field("NODE_NAME", "spec.nodeName"),
                from_secret("DATABASE_URL", "database-url"),
                from_secret("API_KEY", "api-key"),
                from_config("LOG_LEVEL", "log-level"),
                from_config("FEATURE_FLAGS_URL", "feature-flags-url"),
                { "name": "SERVICE_VERSION", "value": self.version },
                { "name": "OTEL_SERVICE_NAME", "value": self.name },
                { "name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://otel-collector.observability:4317" },
            ],
            "envFrom": [{ "configMapRef": { "name": CONFIG } }],
            "resources": {
                "requests": { "cpu": "50m", "memory": "96Mi" },
                "limits": { "cpu": "1", "memory": "512Mi" },
            },
            "startupProbe": probe("/startup", 30),
            "livenessProbe": probe("/live", 3),
            "readinessProbe": probe("/ready", 3),
            "lifecycle": { "preStop": { "exec": { "command": ["/app/drain", "--timeout=30s"] } } },
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": { "drop": ["ALL"] },
            },
            "volumeMounts": [
                { "name": "config", "mountPath": "/etc/app", "readOnly": true },
                { "name": "tls", "mountPath": "/etc/tls", "readOnly": true },
                { "name": "data", "mountPath": "/var/lib/app" },
                { "name": "identity", "mountPath": "/var/run/identity", "readOnly": true },
                { "name": "scratch", "mountPath": "/tmp" },
            ],
        })
    }

    fn proxy_sidecar(&self) -> Value {
        json!({
            "name": "proxy",
            "image": "registry.example.com/platform/envoy:1.36.2",
            "args": ["--config-path", "/etc/envoy/envoy.yaml", "--service-cluster", self.name],
            "ports": [{ "name": "mesh", "containerPort": 15001 }, { "name": "admin", "containerPort": 15000 }],
            "resources": { "requests": { "cpu": "20m", "memory": "32Mi" }, "limits": { "memory": "128Mi" } },
            "readinessProbe": { "httpGet": { "path": "/ready", "port": "admin" }, "periodSeconds": 5 },
            "volumeMounts": [
                { "name": "identity", "mountPath": "/var/run/identity", "readOnly": true },
                { "name": "scratch", "mountPath": "/tmp" },
            ],
        })
    }
}

fn volumes() -> Value {
    json!([
        { "name": "config", "configMap": { "name": CONFIG } },
        { "name": "tls", "secret": { "secretName": SECRET, "optional": true } },
        { "name": "data", "persistentVolumeClaim": { "claimName": CLAIM } },
        { "name": "scratch", "emptyDir": { "sizeLimit": "256Mi" } },
        { "name": "identity", "projected": { "sources": [
            { "serviceAccountToken": { "path": "token", "audience": "mesh.example.com", "expirationSeconds": 3600 } },
            { "configMap": { "name": CONFIG, "items": [{ "key": "trust-domain", "path": "trust-domain" }] } },
            { "downwardAPI": { "items": [{ "path": "labels", "fieldRef": { "fieldPath": "metadata.labels" } }] } },
        ] } },
    ])
}

fn probe(path: &str, failures: u32) -> Value {
    json!({
        "httpGet": { "path": path, "port": "http" },
        "periodSeconds": 10, "timeoutSeconds": 2, "failureThreshold": failures,
    })
}

fn from_field(name: &str, path: &str) -> Value {
    json!({ "name": name, "valueFrom": { "fieldRef": { "fieldPath": path } } })
}

fn from_secret(name: &str, key: &str) -> Value {
    json!({ "name": name, "valueFrom": { "secretKeyRef": { "name": SECRET, "key": key } } })
}

fn from_config(name: &str, key: &str) -> Value {
    json!({ "name": name, "valueFrom": { "configMapKeyRef": { "name": CONFIG, "key": key } } })
}
