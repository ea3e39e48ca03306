use catalog::{ClusterChange, Location, NewCluster, Settings, seal::Sealer};
use cluster_registry::connection::upload::Direct;
use fleetgraph_core::Scope;

use super::*;
use crate::{config::ConnectionsConfig, connected::Connected};

async fn catalog(sealer: Sealer) -> Catalog {
    Catalog::open(&Settings::new(Location::Memory), sealer).await.unwrap()
}

/// A replica: what it serves, and the way to its keeper.
async fn replica(catalog: &Catalog, configured: Vec<Configured>) -> (Registry, Connected) {
    let registry = Registry::new(kinds::kind_set(), cluster_registry::Settings::default());
    let (connected, mut keeper) =
        Connected::new(catalog.clone(), registry.clone(), &ConnectionsConfig::default(), BTreeSet::new());
    keeper.begin(configured).await.unwrap();
    tokio::spawn(keeper.run());
    (registry, connected)
}

fn id(id: &str) -> ClusterId {
    ClusterId::new(id).unwrap()
}

/// A cluster of the configuration. Nobody listens there.
fn configured(name: &str, qps: f32) -> Configured {
    let config = ClusterConfig {
        id: name.into(),
        api_server_url: "https://127.0.0.1:1".into(),
        qps,
        ..Default::default()
    };
    let auth = cluster_registry::connection::Auth::Certificate { server: "https://127.0.0.1:1".into() };
    Configured { spec: ClusterSpec { qps, ..ClusterSpec::new(id(name), auth) }, config: Some(config) }
}

async fn insert(catalog: &Catalog, name: &str) -> ClusterRecord {
    let direct =
        Direct { server: "https://192.0.2.1".into(), token: Some("hush".into()), ..Direct::default() };
    let document = Uploaded::direct(direct, &UploadRules::default()).unwrap().to_document();
    let cluster = ClusterChange {
        tenant: "default".into(),
        name: format!("Cluster {name}"),
        environment: "test".into(),
        region: String::new(),
        server: "https://192.0.2.1".into(),
        disabled: false,
    };
    let new = NewCluster { id: id(name), cluster, document, created_by: "test".into() };
    catalog.insert_cluster(new).await.unwrap()
}

fn served(registry: &Registry) -> Vec<String> {
    let clusters = registry.clusters(&Scope::everything());
    clusters.iter().map(|cluster| format!("{}={}", cluster.spec().id, cluster.spec().name)).collect()
}

#[tokio::test]
async fn what_one_replica_stores_the_others_take_up_change_and_drop() {
    let catalog = catalog(Sealer::ephemeral().unwrap()).await;
    let (here, connected) = replica(&catalog, vec![configured("fixed", 1.0)]).await;
    let (there, other) = replica(&catalog, vec![]).await;
    let record = insert(&catalog, "added").await;
    connected.look().await;
    other.look().await;
    assert_eq!(served(&here), ["added=Cluster added", "fixed=fixed"]);
    assert_eq!(served(&there), ["added=Cluster added"]);
    assert!(here.cluster(&Scope::everything(), "added").unwrap().spec().guard.is_some());

    let change = ClusterChange { name: "renamed".into(), ..record.cluster.clone() };
    let record = catalog.update_cluster(&record, change, None).await.unwrap();
    other.look().await;
    assert_eq!(served(&there), ["added=renamed"]);
    catalog.remove_cluster(&record).await.unwrap();
    other.look().await;
    connected.look().await;
    assert_eq!(served(&there), [] as [&str; 0]);
    assert_eq!(served(&here), ["fixed=fixed"]);
}

#[tokio::test]
async fn an_id_that_was_given_up_and_taken_between_two_looks_is_the_new_cluster() {
    let catalog = catalog(Sealer::ephemeral().unwrap()).await;
    let (registry, connected) = replica(&catalog, vec![]).await;
    let record = insert(&catalog, "again").await;
    connected.look().await;
    let before = registry.cluster(&Scope::everything(), "again").unwrap();
    catalog.remove_cluster(&record).await.unwrap();
    insert(&catalog, "again").await;
    connected.look().await;
    let after = registry.cluster(&Scope::everything(), "again").unwrap();
    assert!(!Arc::ptr_eq(&before, &after), "its credentials and its tenant may be others");
}

/// Nobody asks it to look.
#[tokio::test]
async fn the_catalog_is_followed() {
    let catalog = catalog(Sealer::ephemeral().unwrap()).await;
    let (registry, _connected) = replica(&catalog, vec![]).await;
    let mut events = registry.cluster_events();
    insert(&catalog, "added").await;
    let event = tokio::time::timeout(Duration::from_secs(30), events.recv()).await.unwrap().unwrap();
    assert_eq!(event.cluster.spec().id, id("added"));
}

#[tokio::test]
async fn an_id_of_the_configuration_is_the_configurations() {
    let catalog = catalog(Sealer::ephemeral().unwrap()).await;
    insert(&catalog, "both").await;
    let (registry, connected) = replica(&catalog, vec![configured("both", 1.0)]).await;
    assert_eq!(served(&registry), ["both=both"]);
    assert!(connected.configured.load().contains(&id("both")));
    connected.configure(vec![]).await;
    assert_eq!(served(&registry), ["both=Cluster both"], "it gave the id up");
    connected.configure(vec![configured("both", 1.0)]).await;
    assert_eq!(served(&registry), ["both=both"], "and takes it back");
}

#[tokio::test]
async fn a_changed_configuration_touches_the_clusters_that_it_changes_and_no_other() {
    let catalog = catalog(Sealer::ephemeral().unwrap()).await;
    let (registry, connected) = replica(&catalog, vec![configured("a", 1.0), configured("b", 1.0)]).await;
    let cluster = |name: &str| registry.cluster(&Scope::everything(), name).unwrap();
    let (a, b) = (cluster("a"), cluster("b"));
    connected.configure(vec![configured("a", 1.0), configured("b", 2.0), configured("c", 1.0)]).await;
    assert!(Arc::ptr_eq(&a, &cluster("a")));
    assert!(!Arc::ptr_eq(&b, &cluster("b")));
    assert!((cluster("b").spec().qps - 2.0).abs() < f32::EPSILON);
    connected.configure(vec![configured("c", 1.0)]).await;
    assert_eq!(served(&registry), ["c=c"]);
}

#[tokio::test]
async fn a_cluster_that_can_not_be_opened_does_not_keep_the_others_away() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings::new(Location::Directory(dir.path().to_owned()));
    let before = Catalog::open(&settings, Sealer::ephemeral().unwrap()).await.unwrap();
    insert(&before, "lost").await;
    before.close().await;
    let catalog = Catalog::open(&settings, Sealer::ephemeral().unwrap()).await.unwrap();
    insert(&catalog, "found").await;
    let (registry, _connected) = replica(&catalog, vec![configured("fixed", 1.0)]).await;
    assert_eq!(served(&registry), ["fixed=fixed", "found=Cluster found"]);
}
