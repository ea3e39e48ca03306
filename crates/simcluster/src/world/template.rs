//! The pod template of an application of the company.

use serde_json::{Value, json};

use super::catalogue::{App, Runtime, image, needs};

/// `metadata` and `spec`; the image's tag is `${tag}`.
pub(super) fn template(app: &App, environment: &str) -> Value {
    let name = app.name;
    let mut containers = vec![main(app, environment)];
    if app.team == "payments" {
        containers.push(json!({
            "name": "audit-log", "image": "registry.acme.example/platform/audit-log:2.4.1",
            "resources": {"requests": {"cpu": "20m", "memory": "32Mi"}, "limits": {"memory": "64Mi"}},
            "volumeMounts": [{"name": "tmp", "mountPath": "/var/log/app"}],
        }));
    }
    let mut spec = json!({
        "serviceAccountName": name,
        "containers": containers,
        "securityContext": {"runAsNonRoot": true, "runAsUser": 10001, "fsGroup": 10001, "seccompProfile": {"type": "RuntimeDefault"}},
        "terminationGracePeriodSeconds": if app.runtime == Runtime::Jvm { 60 } else { 30 },
        "topologySpreadConstraints": [{
            "maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {"app.kubernetes.io/name": name}},
        }],
        "volumes": [
            {"name": "config", "configMap": {"name": format!("{name}-config")}},
            {"name": "tmp", "emptyDir": {}},
        ],
    });
    if matches!(app.runtime, Runtime::Python | Runtime::Jvm) {
        spec["initContainers"] = json!([{
            "name": "migrate", "image": format!("{}:${{tag}}", image(app)), "args": ["migrate"],
            "env": [{"name": "DATABASE_URL", "valueFrom": {"secretKeyRef": {"name": format!("{name}-secrets"), "key": "database-url"}}}],
            "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        }]);
    }
    json!({
        "metadata": {
            "labels": labels(app),
            "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "9090", "checksum/config": super::site::hex(name, 64)},
        },
        "spec": spec,
    })
}

pub(super) fn labels(app: &App) -> Value {
    json!({
        "app.kubernetes.io/name": app.name, "app.kubernetes.io/instance": app.name, "app.kubernetes.io/part-of": app.team,
        "acme.example/team": app.team,
    })
}

pub(super) fn selector(app: &App) -> Value {
    json!({"app.kubernetes.io/name": app.name, "app.kubernetes.io/instance": app.name})
}

fn main(app: &App, environment: &str) -> Value {
    let name = app.name;
    let (cpu, memory) = needs(app.runtime);
    let path = match app.runtime {
        Runtime::Jvm => "/actuator/health",
        _ => "/healthz",
    };
    let probe = |path: String, seconds: i64| json!({"httpGet": {"path": path, "port": "http"}, "initialDelaySeconds": seconds, "timeoutSeconds": 2});
    let ready_after = if app.runtime == Runtime::Jvm { 8 } else { 3 };
    let secret = |key: &str| json!({"secretKeyRef": {"name": format!("{name}-secrets"), "key": key}});
    let mut env = vec![
        json!({"name": "ENVIRONMENT", "value": environment}),
        json!({"name": "LOG_LEVEL", "value": if environment == "prod" { "info" } else { "debug" }}),
        json!({"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}),
        json!({"name": "DATABASE_URL", "valueFrom": secret("database-url")}),
        json!({"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://otel-collector.monitoring:4317"}),
        json!({"name": "OTEL_SERVICE_NAME", "value": name}),
    ];
    env.push(match app.runtime {
        Runtime::Jvm => json!({"name": "JAVA_TOOL_OPTIONS", "value": "-XX:MaxRAMPercentage=75 -XX:+ExitOnOutOfMemoryError"}),
        Runtime::Go => json!({"name": "GOMEMLIMIT", "value": format!("{}MiB", memory * 9 / 10)}),
        Runtime::Node => json!({"name": "NODE_ENV", "value": "production"}),
        Runtime::Python => json!({"name": "PYTHONUNBUFFERED", "value": "1"}),
    });
    json!({
        "name": name,
        "image": format!("{}:${{tag}}", image(app)),
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}, {"name": "metrics", "containerPort": 9090, "protocol": "TCP"}],
        "env": env,
        "envFrom": [{"configMapRef": {"name": format!("{name}-config")}}],
        "resources": {
            "requests": {"cpu": format!("{cpu}m"), "memory": format!("{memory}Mi")},
            "limits": {"memory": format!("{}Mi", memory * 3 / 2)},
        },
        "readinessProbe": probe(format!("{path}/ready"), ready_after),
        "livenessProbe": probe(format!("{path}/live"), 15),
        "securityContext": {"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "config", "mountPath": "/etc/app", "readOnly": true}, {"name": "tmp", "mountPath": "/tmp"}],
    })
}
