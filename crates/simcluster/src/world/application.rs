//! Everything that belongs to one application of a team: from its deployment to its budget.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rand::RngExt;
use serde_json::{Value, json};

use super::catalogue::{App, Door, needs};
use super::custom;
use super::network::{self, Served};
use super::site::{At, DAY, Site, hash, hex, text};
use super::template::{labels, selector, template};
use super::workload::{Trouble, Workload, deployment, number};
use crate::object::{Slot, intern};

/// How many objects an application makes, at most.
pub(super) fn size(app: &App) -> usize {
    app.replicas * 2 + 24
}

/// Who deployed it: its marks, of Helm, Argo CD or Flux.
fn marks(app: &App, namespace: &str) -> (Value, Value) {
    let mut labels = labels(app);
    let name = app.name;
    match hash(app.team) % 3 {
        0 => {
            labels["app.kubernetes.io/managed-by"] = json!("Helm");
            labels["helm.sh/chart"] = json!("service-4.12.0");
            (labels, json!({"meta.helm.sh/release-name": name, "meta.helm.sh/release-namespace": namespace}))
        }
        1 => {
            labels["argocd.argoproj.io/instance"] = json!(name);
            (
                labels,
                json!({"argocd.argoproj.io/tracking-id": format!("{name}:apps/Deployment:{namespace}/{name}")}),
            )
        }
        _ => {
            labels["kustomize.toolkit.fluxcd.io/name"] = json!(app.team);
            labels["kustomize.toolkit.fluxcd.io/namespace"] = json!("flux-system");
            (labels, json!({"acme.example/owner": format!("{}@acme.example", app.team)}))
        }
    }
}

/// The versions that a cluster has seen, the present one last.
fn versions(site: &mut Site<'_>, app: &App) -> Vec<String> {
    let seed = hash(app.name);
    let (major, minor) = (seed % 5 + 1, seed / 7 % 30);
    let ahead = u64::from(site.place.environment != "prod") + u64::from(site.rng.random_range(0..5) == 0);
    let patch = 4 + ahead;
    let old = site.rng.random_range(1..4);
    (patch - old..=patch).map(|patch| format!("{major}.{minor}.{patch}")).collect()
}

pub(super) fn add(site: &mut Site<'_>, app: &App, namespace: &str, trouble: Trouble) {
    let prod = site.place.environment == "prod";
    let replicas = if prod { app.replicas } else { app.replicas.div_ceil(2) };
    let mut tags = versions(site, app);
    if trouble == Trouble::StuckRollout {
        tags.push(format!("{}-missing", tags[tags.len() - 1]));
    }
    if trouble == Trouble::NoRoom {
        let next =
            tags[tags.len() - 1].rsplit_once('.').map_or(String::new(), |(front, _)| format!("{front}.30"));
        tags.push(next);
    }
    let environment = site.place.environment;
    let template = template(app, environment);
    let (labels, annotations) = marks(app, namespace);
    let side = if app.team == "payments" { (20, 32) } else { (0, 0) };
    let (cpu, memory) = needs(app.runtime);
    let form = format!("{environment}/{namespace}/{}", app.name);
    let work = Workload {
        namespace,
        name: app.name,
        form: form.clone(),
        template: &template,
        selector: selector(app),
        labels: labels.clone(),
        annotations: annotations.clone(),
        replicas,
        needs: (cpu + side.0, memory + side.1),
        tags,
        trouble,
        priority: None,
    };
    let (_, pods) = deployment(site, &work);
    let own = selector(app);
    let version = work.tags[work.tags.len() - 1].clone();
    config(site, app, namespace, &labels);
    if app.door != Door::None {
        let ports = [("http", 80, 8080), ("metrics", 9090, 9090)];
        let served = Served {
            namespace,
            name: app.name,
            selector: &own,
            labels: &labels,
            annotations: &annotations,
            ports: &ports,
            headless: false,
        };
        network::service(site, &served, &pods);
    }
    if app.door == Door::Public {
        let host = format!("{}.{}.acme.example", app.name, site.place.name);
        network::ingress(site, namespace, app.name, &host, &labels, &annotations);
        custom::certificate(site, namespace, app.name, &host, false);
    }
    if app.scaled {
        autoscaler(site, app, namespace, &labels, replicas);
    }
    if replicas > 1 {
        let ready = pods.iter().filter(|pod| pod.ready).count();
        budget(site, app.name, namespace, &labels, &own, (pods.len(), ready));
    }
    custom::release(site, app, namespace, &version, trouble);
}

fn plain<'a>(site: &mut Site<'_>, namespace: &'a str, name: &str) -> At<'a> {
    At { namespace, name: intern(name), created: site.ago(60 * DAY, 300 * DAY), uid: site.uid() }
}

fn config(site: &mut Site<'_>, app: &App, namespace: &str, labels: &Value) {
    let (name, environment) = (app.name, site.place.environment);
    let form = format!("{environment}/{namespace}/{name}");
    let at = plain(site, namespace, &format!("{name}-config"));
    let region = text(site.place.region);
    site.add("v1/configmaps", &form, at, &[("region", region)], || {
        let yaml = format!("server:\n  port: 8080\n  shutdownGrace: 20s\ncache:\n  ttl: {}s\n  size: 4096\ntracing:\n  sample: 0.05\n", hash(name) % 600);
        json!({"metadata": {"labels": labels}, "data": {"app.yaml": yaml, "REGION": "${region}", "MAX_CONNECTIONS": (hash(name) % 90 + 10).to_string()}})
    });
    let at = plain(site, namespace, &format!("{name}-secrets"));
    site.add("v1/secrets", &form, at, &[], || {
        let value = |text: String| json!(BASE64_STANDARD.encode(text));
        let url = format!("postgres://{name}:{}@postgres.{namespace}:5432/{name}", hex(name, 16));
        json!({"metadata": {"labels": labels}, "type": "Opaque", "data": {"database-url": value(url), "api-key": value(hex(&form, 32))}})
    });
    let at = plain(site, namespace, name);
    site.add("v1/serviceaccounts", &form, at, &[], || {
        json!({"metadata": {"labels": labels, "annotations": {"eks.amazonaws.com/role-arn": format!("arn:aws:iam::123456789012:role/{namespace}-{name}")}}})
    });
}

fn autoscaler(site: &mut Site<'_>, app: &App, namespace: &str, labels: &Value, replicas: usize) {
    let at = plain(site, namespace, app.name);
    // Quantities can't be slots: one form for each load.
    let load = site.rng.random_range(5..11) * 7;
    let (cpu, _) = needs(app.runtime);
    let slots = [
        ("replicas", number(replicas)),
        ("least", number(replicas.div_ceil(2).max(1))),
        ("most", number(replicas * 3)),
        ("scaled", Slot::Time(site.now - 4 * DAY)),
    ];
    let form = format!("{namespace}/{}/{load}", app.name);
    site.add("autoscaling/v2/horizontalpodautoscalers", &form, at, &slots, || {
        let condition = |kind: &str, status: &str, reason: &str, message: &str| json!({"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": "${created}"});
        json!({
            "metadata": {"labels": labels},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "${name}"},
                "minReplicas": "${#least}", "maxReplicas": "${#most}",
                "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}],
            },
            "status": {
                "currentReplicas": "${#replicas}", "desiredReplicas": "${#replicas}", "lastScaleTime": "${scaled}",
                "currentMetrics": [{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": load, "averageValue": format!("{}m", cpu * load / 100)}}}],
                "conditions": [
                    condition("AbleToScale", "True", "ReadyForNewScale", "recommended size matches current size"),
                    condition("ScalingActive", "True", "ValidMetricFound", "the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)"),
                    condition("ScalingLimited", "False", "DesiredWithinRange", "the desired count is within the acceptable range"),
                ],
            },
        })
    });
}

pub(super) fn budget(
    site: &mut Site<'_>,
    name: &str,
    namespace: &str,
    labels: &Value,
    selector: &Value,
    (replicas, ready): (usize, usize),
) {
    let at = plain(site, namespace, name);
    let wanted = replicas - 1;
    let enough = ready > wanted;
    let slots = [
        ("expected", number(replicas)),
        ("ready", number(ready)),
        ("wanted", number(wanted)),
        ("allowed", number(ready.saturating_sub(wanted))),
    ];
    site.add("policy/v1/poddisruptionbudgets", &format!("{namespace}/{name}/{enough}"), at, &slots, || {
        let (status, reason) = if enough { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
        json!({
            "metadata": {"labels": labels},
            "spec": {"maxUnavailable": 1, "selector": {"matchLabels": selector}},
            "status": {
                "observedGeneration": 1, "currentHealthy": "${#ready}", "desiredHealthy": "${#wanted}", "expectedPods": "${#expected}", "disruptionsAllowed": "${#allowed}",
                "conditions": [{"type": "DisruptionAllowed", "status": status, "reason": reason, "message": "", "lastTransitionTime": "${created}", "observedGeneration": 1}],
            },
        })
    });
}
