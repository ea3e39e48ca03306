//! The cluster that is asked: one control plane without controllers, so that its objects stay as they were written
//! and nothing else uses the machine.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Namespace, Node, Pod, Service};
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use testkit::{ControlPlane, Issuer, Options, seed};

use crate::api;

/// Its id for fleetgraph.
pub const ID: &str = "bench";
/// For whom callers' tokens are meant.
pub const AUDIENCE: &str = "fleetgraph";

pub struct Cluster {
    pub client: Client,
    /// fleetgraph's configuration file, with this cluster alone.
    pub config: PathBuf,
    plane: ControlPlane,
    dir: tempfile::TempDir,
}

/// A pod as the API server lists it, in the fields that fleetgraph is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub namespace: String,
    pub name: String,
    pub node: String,
    pub phase: String,
    pub ip: String,
    pub started: k8s_openapi::jiff::Timestamp,
    /// The label that its deployment's pods share within their namespace.
    pub app: String,
}

/// Pods by their ids in fleetgraph.
pub type Pods = BTreeMap<String, Listed>;

impl Cluster {
    pub async fn start() -> Result<Self> {
        let plane = ControlPlane::start(Options::bare(ID)).await?;
        let client = plane.admin_client().await?;
        let mut this = Self { client, config: PathBuf::new(), plane, dir: tempfile::tempdir()? };
        this.config = this.configured("one.yaml", [ID.to_owned()])?;
        Ok(this)
    }

    /// A configuration file in which so many clusters, `c0` and so on, all lead here.
    pub fn fleet(&self, clusters: usize) -> Result<PathBuf> {
        self.configured("fleet.yaml", (0..clusters).map(|number| format!("c{number}")))
    }

    /// A configuration file in which callers have to prove who they are, by tokens of an issuer, and see what the cluster's
    /// roles and bindings show them.
    pub fn authenticated(&self, issuer: &Issuer) -> Result<PathBuf> {
        let mut text = self.text([ID.to_owned()]);
        text["authentication"] = json!({ "oidc": [{
            "issuer": issuer.url(), "audiences": [AUDIENCE], "username_prefix": "-", "groups_claim": "groups",
        }] });
        // By its roles from the start, not only once it was found that they alone decide; and a caller who asks without
        // a pause isn't held back.
        text["clusters"][0]["access_mode"] = json!("rbac");
        text["quotas"] = json!({ "principal": { "requests_per_second": 0 } });
        self.write("authenticated.yaml", &text)
    }

    fn configured(&self, file: &str, ids: impl IntoIterator<Item = String>) -> Result<PathBuf> {
        self.write(file, &self.text(ids))
    }

    fn text(&self, ids: impl IntoIterator<Item = String>) -> Value {
        let kubeconfig = self.plane.kubeconfig_file();
        let cluster = |id| json!({ "id": id, "auth_method": "kubeconfig", "kubeconfig_path": kubeconfig });
        let clusters: Vec<Value> = ids.into_iter().map(cluster).collect();
        // Nobody has to take notice of a drain here, and telemetry goes nowhere. Audits ask clusters by themselves; here
        // the requests are counted that questions cause.
        json!({ "clusters": clusters, "http": { "drain_delay": "0s" }, "audit_period": "0s" })
    }

    /// JSON is YAML.
    fn write(&self, file: &str, text: &Value) -> Result<PathBuf> {
        let config = self.dir.path().join(file);
        std::fs::write(&config, text.to_string())?;
        Ok(config)
    }

    /// Writes the pods, and a service for each of their deployments. Returns them as the API server lists them.
    pub async fn seed(&self, count: usize) -> Result<Pods> {
        seed::pods(&self.client, count).await?;
        self.serve_all(count).await
    }

    /// The same, with so many pods in each namespace.
    pub async fn seed_namespaces(&self, count: usize, pods_of_a_namespace: usize) -> Result<Pods> {
        seed::pods_in_namespaces(&self.client, count, pods_of_a_namespace).await?;
        self.serve_all(count).await
    }

    async fn serve_all(&self, count: usize) -> Result<Pods> {
        let deployments = Api::<Deployment>::all(self.client.clone()).list(&ListParams::default()).await?;
        stream::iter(deployments.items.iter().map(|deployment| self.serve(deployment)))
            .buffer_unordered(8)
            .try_collect::<()>()
            .await?;
        let pods = pods(&api::get(&self.client, api::PODS).await?.bytes())?;
        ensure!(pods.len() == count, "the API server lists {} pods of {count}", pods.len());
        Ok(pods)
    }

    /// Deletes what was seeded, but for the namespaces: nobody is there who would empty them.
    pub async fn clear(&self) -> Result<()> {
        let (client, at_once) = (&self.client, DeleteParams::default().grace_period(0));
        for namespace in Api::<Namespace>::all(client.clone()).list(&ListParams::default()).await? {
            let name = namespace.name_any();
            let seeded = name.ends_with("-bench");
            if seeded {
                delete_all(&Api::<Pod>::namespaced(client.clone(), &name), &at_once).await?;
                delete_all(&Api::<Service>::namespaced(client.clone(), &name), &at_once).await?;
                delete_all(&Api::<ReplicaSet>::namespaced(client.clone(), &name), &at_once).await?;
                delete_all(&Api::<Deployment>::namespaced(client.clone(), &name), &at_once).await?;
            }
        }
        delete_all(&Api::<Node>::all(client.clone()), &at_once).await
    }

    async fn serve(&self, deployment: &Deployment) -> Result<()> {
        let spec = deployment.spec.as_ref().context("a deployment has a spec")?;
        let service: Service = serde_json::from_value(json!({
            "metadata": { "name": deployment.name_any() },
            "spec": { "selector": spec.selector.match_labels, "ports": [{ "name": "http", "port": 80 }] },
        }))?;
        let namespace = deployment.namespace().context("a deployment has a namespace")?;
        Api::namespaced(self.client.clone(), &namespace).create(&PostParams::default(), &service).await?;
        Ok(())
    }
}

async fn delete_all<K>(objects: &Api<K>, how: &DeleteParams) -> Result<()>
where
    K: kube::Resource + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    objects.delete_collection(how, &ListParams::default()).await?;
    Ok(())
}

/// Reads an API server's list of pods.
fn pods(list: &[u8]) -> Result<Pods> {
    use k8s_openapi::List;
    let list: List<Pod> = serde_json::from_slice(list).context("reading the API server's list of pods")?;
    list.items.into_iter().map(listed).collect()
}

fn listed(pod: Pod) -> Result<(String, Listed)> {
    let status = pod.status.clone().context("a pod has a status")?;
    let listed = Listed {
        namespace: pod.namespace().context("a pod has a namespace")?,
        name: pod.name_any(),
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).context("a pod has a node")?,
        phase: status.phase.context("a pod has a phase")?,
        ip: status.pod_ip.context("a pod has an address")?,
        started: status.start_time.context("a pod has a start time")?.0,
        app: pod.labels().get(APP).cloned().context("a pod has the label of its app")?,
    };
    Ok((format!("{ID}:{}:{}", listed.namespace, listed.name), listed))
}

/// On every pod of the seed.
pub const APP: &str = "app.kubernetes.io/name";
