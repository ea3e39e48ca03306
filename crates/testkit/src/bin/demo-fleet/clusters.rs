//! The demo's clusters, and the configuration that tells fleetgraph about them.

use std::fmt::Write;

use anyhow::Result;
use futures::future;
use testkit::seed::{self, Churn, ChurnSpec, SeedSpec};
use testkit::{Fleet, Options};

struct Cluster {
    id: &'static str,
    name: &'static str,
    environment: &'static str,
    region: &'static str,
    nodes: usize,
    namespaces: usize,
    deployments: usize,
}

const CLUSTERS: [Cluster; 3] = [
    Cluster {
        id: "prod-eu",
        name: "Production Europe",
        environment: "prod",
        region: "eu-central-1",
        nodes: 6,
        namespaces: 5,
        deployments: 24,
    },
    Cluster {
        id: "prod-us",
        name: "Production United States",
        environment: "prod",
        region: "us-east-1",
        nodes: 4,
        namespaces: 4,
        deployments: 16,
    },
    Cluster {
        id: "staging",
        name: "Staging",
        environment: "staging",
        region: "eu-central-1",
        nodes: 2,
        namespaces: 3,
        deployments: 9,
    },
];

pub struct Clusters {
    /// Dropped in this order: the changes stop before the clusters do.
    _churns: Vec<Churn>,
    pub fleet: Fleet,
}

/// Three control planes, seeded; `rate` changes a second go on in each.
pub async fn start(rate: f64) -> Result<Clusters> {
    let options =
        |cluster: &Cluster| Options::named(cluster.id).kwok_nodes(cluster.nodes).region(cluster.region);
    let fleet = Fleet::start_with(CLUSTERS.iter().map(options).collect()).await?;
    let seeding = fleet.planes().iter().zip(&CLUSTERS).map(async |(plane, cluster)| {
        let spec = SeedSpec {
            namespaces: cluster.namespaces,
            deployments: cluster.deployments,
            environment: cluster.environment.to_owned(),
            ..SeedSpec::default()
        };
        let client = plane.admin_client().await?;
        seed::realistic(&client, &spec).await?;
        Ok::<_, anyhow::Error>(client)
    });
    let clients = future::try_join_all(seeding).await?;
    let churns = clients
        .into_iter()
        .zip(1..)
        .map(|(client, seed)| Churn::start(client, &ChurnSpec { per_second: rate, seed }))
        .collect::<Result<Vec<_>>>()?;
    Ok(Clusters { _churns: churns, fleet })
}

/// fleetgraph's configuration file.
pub fn config(fleet: &Fleet) -> String {
    let kubeconfig = fleet.kubeconfig_file();
    let mut text = "# Written by the demo; gone when it ends.\nclusters:\n".to_owned();
    for cluster in &CLUSTERS {
        // Writing into a string can't fail.
        let _infallible = write!(
            text,
            "  - id: {id}\n    name: {name}\n    environment: {environment}\n    region: {region}\n    \
             auth_method: kubeconfig\n    kubeconfig_path: {path:?}\n    kubeconfig_context: {id}\n",
            id = cluster.id,
            name = cluster.name,
            environment = cluster.environment,
            region = cluster.region,
            path = kubeconfig.display().to_string(),
        );
    }
    text
}
