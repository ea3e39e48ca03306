//! A registry of one real control plane, for the tests of the schema.

use std::time::{Duration, Instant};

use cluster_registry::{
    Registry, Settings,
    connection::{Auth, ClusterSpec},
};
use fleetgraph_core::ClusterId;
use testkit::ControlPlane;

pub const PATIENCE: Duration = Duration::from_secs(120);

pub async fn fleet(plane: &ControlPlane) -> Registry {
    let registry = Registry::new(kinds::kind_set(), Settings::default());
    let id = ClusterId::new(plane.name()).unwrap();
    let cluster =
        registry.add(ClusterSpec::new(id, Auth::kubeconfig(plane.kubeconfig_file(), None))).await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    while !cluster.ready() {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    registry
}
