//! What people and their deploy pipelines write into a cluster. Controllers, the scheduler and kwok do the rest.

use anyhow::Result;
use kube::Client;
use serde_json::{Value, json};

use super::workload::{self, App};
use super::{SEEDED_LABEL, write};

const WORKERS: usize = 4;
/// Who wrote it, in `managedFields`.
const MANAGER: &str = "helm";

/// How much to write. The default is 3 namespaces with 14 deployments of 2 replicas, of which two fail.
#[derive(Debug, Clone)]
pub struct SeedSpec {
    /// Each is a team's, called `{team}-{environment}`.
    pub namespaces: usize,
    /// In all namespaces together.
    pub deployments: usize,
    /// Of each deployment.
    pub replicas: u32,
    pub environment: String,
    /// Some deployments never get ready: an image that can't be pulled, a crash loop.
    pub faults: bool,
}

impl Default for SeedSpec {
    fn default() -> Self {
        Self { namespaces: 3, deployments: 14, replicas: 2, environment: "prod".to_owned(), faults: true }
    }
}

impl SeedSpec {
    /// The names of the namespaces.
    pub fn namespace_names(&self) -> Vec<String> {
        (0..self.namespaces).map(|index| format!("{}-{}", team(index), self.environment)).collect()
    }
}

/// Writes the workloads and returns; it doesn't wait for pods. Once for each control plane: names would collide.
pub async fn realistic(client: &Client, spec: &SeedSpec) -> Result<()> {
    for (index, namespace) in spec.namespace_names().into_iter().enumerate() {
        self::namespace(client, &namespace, &team(index), &spec.environment, true).await?;
    }
    let namespaces = spec.namespaces.max(1);
    write::in_parallel(WORKERS, spec.deployments, |index| {
        let (client, spec) = (client.clone(), spec.clone());
        async move {
            let team = team(index % namespaces);
            let namespace = format!("{team}-{}", spec.environment);
            // Each team's apps begin at another role, so that small fleets have variety too.
            let mut app = App::new(&team, &spec.environment, index / namespaces + index % namespaces, false);
            app.fault = match index % 7 {
                5 if spec.faults => Some(["image-pull", "crash-loop"][index / 7 % 2]),
                _ => None,
            };
            write::create(
                &client,
                &format!("/apis/apps/v1/namespaces/{namespace}/deployments"),
                MANAGER,
                &deployment(&app, spec.replicas),
            )
            .await?;
            write::create(
                &client,
                &format!("/api/v1/namespaces/{namespace}/services"),
                MANAGER,
                &service(&app),
            )
            .await?;
            Ok(())
        }
    })
    .await
}

fn team(index: usize) -> String {
    let (team, round) = (workload::TEAMS[index % workload::TEAMS.len()], index / workload::TEAMS.len());
    if round == 0 { team.to_owned() } else { format!("{team}-{}", round + 1) }
}

/// A namespace with everything that its pods refer to.
pub(super) async fn namespace(
    client: &Client,
    name: &str,
    team: &str,
    environment: &str,
    with_quota: bool,
) -> Result<()> {
    let labels = json!({
        "team": team, "env": environment, "app.kubernetes.io/part-of": team, SEEDED_LABEL: "true",
        "pod-security.kubernetes.io/warn": "baseline",
    });
    let metadata = |object: &str| json!({ "name": object, "labels": labels });
    let inside = |collection: &str| format!("/api/v1/namespaces/{name}/{collection}");
    let annotated = json!({
        "name": name, "labels": labels,
        "annotations": { "example.com/owner": format!("{team}@example.com"), "example.com/cost-centre": "4711" },
    });
    let volume = format!("{name}-{}", workload::CLAIM);
    let objects: [(String, Value); 7] = [
        ("/api/v1/namespaces".to_owned(), json!({ "metadata": annotated })),
        (
            inside("configmaps"),
            json!({ "metadata": metadata(workload::CONFIG), "data": {
            "log-level": "info",
            "feature-flags-url": "http://flags.platform/v1",
            "trust-domain": "example.com",
            "config.yaml": "server:\n  listen: :8080\n  timeout: 30s\ncache:\n  size: 256Mi\n",
        } }),
        ),
        (
            inside("secrets"),
            json!({ "metadata": metadata(workload::SECRET), "stringData": {
            "database-url": format!("postgres://{team}@db.{environment}.example.com/{team}"),
            "api-key": "not-a-real-key",
        } }),
        ),
        (
            inside("secrets"),
            json!({
                "metadata": metadata(workload::PULL_SECRET),
                "type": "kubernetes.io/dockerconfigjson",
                "stringData": { ".dockerconfigjson": r#"{"auths":{"registry.example.com":{"auth":"bm90LWEtcmVhbC1rZXk="}}}"# },
            }),
        ),
        (
            inside("serviceaccounts"),
            json!({
                "metadata": metadata(workload::SERVICE_ACCOUNT),
                "imagePullSecrets": [{ "name": workload::PULL_SECRET }],
            }),
        ),
        // Bound from the start: a claim without a volume would keep its pods from being scheduled.
        (
            "/api/v1/persistentvolumes".to_owned(),
            json!({
                "metadata": metadata(&volume),
                "spec": {
                    "capacity": { "storage": "100Gi" },
                    "accessModes": ["ReadWriteMany"],
                    "persistentVolumeReclaimPolicy": "Retain",
                    "storageClassName": "shared",
                    "nfs": { "server": "files.example.com", "path": format!("/exports/{name}") },
                    "claimRef": { "namespace": name, "name": workload::CLAIM },
                },
            }),
        ),
        (
            inside("persistentvolumeclaims"),
            json!({
                "metadata": metadata(workload::CLAIM),
                "spec": {
                    "accessModes": ["ReadWriteMany"],
                    "storageClassName": "shared",
                    "volumeName": volume,
                    "resources": { "requests": { "storage": "100Gi" } },
                },
            }),
        ),
    ];
    for (path, object) in &objects {
        write::create(client, path, MANAGER, object).await?;
    }
    if with_quota {
        let quota = json!({ "metadata": metadata("team-budget"), "spec": { "hard": {
            "pods": "500",
            "requests.cpu": "200", "requests.memory": "400Gi",
            "limits.memory": "2Ti",
            "persistentvolumeclaims": "10",
            "services": "100",
        } } });
        write::create(client, &inside("resourcequotas"), MANAGER, &quota).await?;
    }
    Ok(())
}

pub(super) fn deployment(app: &App, replicas: u32) -> Value {
    json!({
        "metadata": {
            "name": app.name,
            "labels": app.labels(),
            "annotations": {
                "meta.helm.sh/release-name": app.name,
                "example.com/description": app.description(),
            },
        },
        "spec": {
            "replicas": replicas,
            "revisionHistoryLimit": 3,
            "selector": { "matchLabels": app.selector() },
            "strategy": { "type": "RollingUpdate", "rollingUpdate": { "maxSurge": 1, "maxUnavailable": 0 } },
            "template": app.pod_template(),
        },
    })
}

fn service(app: &App) -> Value {
    json!({
        "metadata": { "name": app.name, "labels": app.labels() },
        "spec": {
            "type": if app.role == 4 { "LoadBalancer" } else { "ClusterIP" },
            "selector": app.selector(),
            "ports": [
                { "name": "http", "port": 80, "targetPort": "http" },
                { "name": "metrics", "port": 9090, "targetPort": "metrics" },
            ],
        },
    })
}
