//! Control planes and the program in front of them.

use std::{fmt::Write as _, net::SocketAddr, time::Duration};

use serde_json::{Value, json};
use testkit::{ControlPlane, Fleet, Options};

use crate::{client, server::Server};

/// What a loaded machine may need. A test that waits so long has failed.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// A fleet of real control planes, and fleetgraph, which reaches each of them through a proxy that can fail.
pub struct Bed {
    pub fleet: Fleet,
    pub server: Server,
}

impl Bed {
    /// Starts `names.len()` clusters, and waits until fleetgraph has read them.
    pub async fn start(names: &[&str]) -> Self {
        Self::with(names, "").await
    }

    /// The same with more lines of configuration.
    pub async fn with(names: &[&str], more: &str) -> Self {
        let options = names.iter().map(|name| Options::named(*name)).collect();
        let fleet = Fleet::start_with(options).await.unwrap();
        let mut config = String::from("clusters:\n");
        for plane in fleet.planes() {
            config += &cluster(plane);
        }
        config += more;
        let server = Server::configured(&config);
        let bed = Self { fleet, server };
        client::until(bed.http(), "{ clusters { status { ready } freshness { state } } }", |data| {
            data["clusters"].as_array().is_some_and(|clusters| {
                clusters.iter().all(|cluster| {
                    cluster["status"]["ready"] == true
                        && cluster["freshness"].as_array().unwrap().iter().all(|f| f["state"] == "LIVE")
                })
            })
        })
        .await;
        bed
    }

    pub fn http(&self) -> SocketAddr {
        self.server.http()
    }

    pub fn plane(&self, name: &str) -> &ControlPlane {
        self.fleet.plane(name).unwrap()
    }

    pub async fn data(&self, query: &str) -> Value {
        client::data(self.http(), query).await
    }

    pub async fn until(&self, query: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        client::until(self.http(), query, wanted).await
    }
}

/// The configuration of a cluster that is reached through its proxy.
pub fn cluster(plane: &ControlPlane) -> String {
    let mut text = String::new();
    let name = plane.name();
    writeln!(
        text,
        "  - id: {name}\n    name: Cluster {name}\n    environment: test\n    region: eu-central-1"
    )
    .unwrap();
    writeln!(
        text,
        "    auth_method: kubeconfig\n    kubeconfig_path: {}",
        plane.proxied_kubeconfig_file().display()
    )
    .unwrap();
    text
}

/// The definition of a custom resource of the group `shop.example`, whose objects may hold anything in each version.
pub fn definition(plural: &str, kind: &str, versions: impl IntoIterator<Item = Value>) -> Value {
    let anything = |mut version: Value| {
        version["schema"] =
            json!({ "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } });
        version
    };
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("{plural}.shop.example") },
        "spec": {
            "group": "shop.example", "scope": "Namespaced",
            "names": { "plural": plural, "singular": kind.to_lowercase(), "kind": kind },
            "versions": versions.into_iter().map(anything).collect::<Vec<_>>(),
        },
    })
}
