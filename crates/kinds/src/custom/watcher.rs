//! Keeps, for each cluster, the watches of custom resources as its definitions and the configuration want them.
//!
//! ```text
//!   a definition changed ─┐
//!   a cluster was added ──┼─▶ the cluster is due ─▶ wanted kinds − watched kinds ─▶ watch, unwatch
//!   every half minute ────┘   (what comes within 200 ms is one look)
//! ```
//!
//! A look compares kinds; one that is watched as it is wanted is not touched, whatever happens to others.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use cluster_registry::{Change, Cluster, ClusterChange, Registry};
use fleetgraph_core::{ClusterId, EdgeType, Error, KindMeta, ReferenceRule, Relation, Scope};
use tokio::{
    sync::broadcast::error::RecvError,
    time::{Instant, sleep_until},
};

use super::{
    CustomResource, Path,
    kind::{Description, known},
};
use crate::{KINDS, custom_resource_definition::CustomResourceDefinition};

/// Changes that come in a crowd are looked at together.
const GATHER: Duration = Duration::from_millis(200);
/// Every cluster is looked at this often, for what no change tells: kinds that come with Kubernetes.
const AGAIN: Duration = Duration::from_secs(30);
/// A cluster that can't be watched yet is looked at again soon.
const SOON: Duration = Duration::from_secs(1);

/// The longest time for asking a cluster what it serves.
const DISCOVERY: Duration = Duration::from_secs(5);

/// What of the kinds that clusters have besides those of the table is watched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CustomResources {
    /// These; all that are defined if empty.
    pub wanted: Vec<Wanted>,
    pub references: Vec<ReferenceConfig>,
}

/// A kind that is to be watched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Empty for the core group.
    pub group: String,
    /// The version that the definition stores, or that the API server prefers, if `None`.
    pub version: Option<String>,
    pub kind: String,
    /// All if empty.
    pub namespaces: Vec<String>,
}

/// Where custom resources of a kind name other objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceConfig {
    /// `certificates.cert-manager.io`.
    pub from: String,
    /// A JSONPath to a name, or to names.
    pub path: String,
    /// `secrets`, `issuers.cert-manager.io`.
    pub to: String,
    /// Whether the other lies in the object's namespace.
    pub namespaced: bool,
}

/// A watch: the kind, and the namespace if it is for one only.
type Watched = BTreeMap<(String, Option<String>), &'static KindMeta>;

struct Watcher {
    registry: Registry,
    wanted: Vec<Wanted>,
    /// The rules of each resource that has some.
    rules: BTreeMap<String, &'static [ReferenceRule]>,
    watched: BTreeMap<ClusterId, (Arc<Cluster>, Watched)>,
    /// What clusters said of kinds that have no definition, and when.
    discovered: BTreeMap<(ClusterId, String, String), (Instant, Option<Description>)>,
}

/// Watches custom resources in all clusters until it is dropped.
///
/// # Errors
/// When a rule's path can't be read.
pub async fn watch(registry: Registry, settings: CustomResources) -> Result<std::convert::Infallible, Error> {
    let mut watcher = Watcher {
        rules: rules(&settings.references)?,
        wanted: settings.wanted,
        watched: BTreeMap::new(),
        discovered: BTreeMap::new(),
        registry,
    };
    let mut clusters = watcher.registry.cluster_events();
    let hub = watcher.registry.hub::<CustomResourceDefinition>();
    let mut definitions = hub.as_ref().map(|hub| hub.subscribe().0);
    let mut due: BTreeSet<ClusterId> = watcher.all();
    let mut all_at = Instant::now() + AGAIN;
    let mut look_at = Instant::now();
    loop {
        let changed = async {
            match &mut definitions {
                Some(definitions) => definitions.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = sleep_until(all_at) => {
                due = watcher.all();
                all_at = Instant::now() + AGAIN;
                look_at = look_at.min(Instant::now());
            }
            () = sleep_until(look_at), if !due.is_empty() => {
                for id in std::mem::take(&mut due) {
                    if !watcher.look(&id).await {
                        due.insert(id);
                    }
                }
                look_at = Instant::now() + if due.is_empty() { GATHER } else { SOON };
                continue;
            }
            event = clusters.recv() => match event {
                Ok(event) if event.change == ClusterChange::Removed => {
                    watcher.watched.remove(&event.cluster.spec().id);
                }
                Ok(event) => { due.insert(event.cluster.spec().id.clone()); }
                Err(_) => due = watcher.all(),
            },
            delta = changed => match delta {
                Ok(delta) => { due.insert(changed_in(&delta.change)); }
                Err(RecvError::Lagged(_)) => due = watcher.all(),
                // The registry ends.
                Err(RecvError::Closed) => definitions = None,
            },
        }
        look_at = look_at.min(Instant::now() + GATHER);
    }
}

fn changed_in(change: &Change<CustomResourceDefinition>) -> ClusterId {
    match change {
        Change::Applied { new, .. } => new.cluster.clone(),
        Change::Deleted { old } => old.cluster.clone(),
        Change::Resynced { cluster, .. } => cluster.clone(),
    }
}

impl Watcher {
    fn all(&self) -> BTreeSet<ClusterId> {
        let scope = Scope::everything();
        self.registry.clusters(&scope).iter().map(|cluster| cluster.spec().id.clone()).collect()
    }

    /// Makes the watches of a cluster what they should be. `false` if it has to be looked at again soon.
    async fn look(&mut self, id: &ClusterId) -> bool {
        let scope = Scope::everything();
        let Some(cluster) = self.registry.cluster(&scope, id.as_str()) else {
            self.watched.remove(id);
            return true;
        };
        // The same id may be another cluster by now.
        let known = self.watched.remove(id).filter(|(known, _)| Arc::ptr_eq(known, &cluster));
        let mut watched = known.map(|(_, watched)| watched).unwrap_or_default();
        let Some(wanted) = self.wanted_in(&cluster, &watched).await else {
            self.watched.insert(id.clone(), (cluster, watched));
            return true;
        };
        watched.retain(|(resource, namespace), kind| {
            let stays = wanted
                .get(&(resource.clone(), namespace.clone()))
                .is_some_and(|wanted| std::ptr::eq(*wanted, *kind));
            if !stays {
                tracing::info!(cluster = %id, resource, "no longer watched");
                self.registry.unwatch(&cluster, kind, namespace.as_deref());
            }
            stays
        });
        let mut done = true;
        for ((resource, namespace), kind) in wanted {
            let key = (resource, namespace.clone());
            if watched.contains_key(&key) {
                continue;
            }
            if self.registry.watch::<CustomResource>(&cluster, kind, namespace) {
                tracing::info!(cluster = %id, resource = key.0, version = kind.version, "watched from now on");
                watched.insert(key, kind);
            } else {
                done = false;
            }
        }
        self.watched.insert(id.clone(), (cluster, watched));
        done
    }

    /// The watches that a cluster should have; `None` while its definitions aren't known.
    async fn wanted_in(&mut self, cluster: &Cluster, watched: &Watched) -> Option<Watched> {
        let store = cluster.store::<CustomResourceDefinition>()?;
        if !store.freshness(true).synced {
            return None;
        }
        let defined: Vec<Description> =
            store.snapshot().iter().filter_map(|definition| definition.columns.description()).collect();
        let mut wanted = Watched::new();
        if self.wanted.is_empty() {
            for description in defined {
                self.want(&mut wanted, description, &[]);
            }
            return Some(wanted);
        }
        for kind in &self.wanted.clone() {
            let found =
                defined.iter().find(|defined| defined.group == kind.group && defined.kind == kind.kind);
            let description = match found {
                Some(found) => {
                    let version = kind.version.clone().unwrap_or_else(|| found.version.clone());
                    Some(Description { version, ..found.clone() })
                }
                None => match self.discovered(cluster, kind).await {
                    Ok(found) => found,
                    // What is watched of it goes on as it is while the cluster doesn't say.
                    Err(()) => {
                        let same = |known: &&KindMeta| known.group == kind.group && known.kind == kind.kind;
                        wanted.extend(
                            watched.iter().filter(|(_, known)| same(known)).map(|(k, v)| (k.clone(), *v)),
                        );
                        continue;
                    }
                },
            };
            if let Some(description) = description {
                self.want(&mut wanted, description, &kind.namespaces);
            }
        }
        Some(wanted)
    }

    /// A kind that no definition defines, as the API server serves it. Asked for once in a while: definitions may change
    /// in crowds, and each look would ask.
    async fn discovered(&mut self, cluster: &Cluster, wanted: &Wanted) -> Result<Option<Description>, ()> {
        let key = (cluster.spec().id.clone(), wanted.group.clone(), wanted.kind.clone());
        if let Some((at, found)) = self.discovered.get(&key)
            && at.elapsed() < AGAIN / 2
        {
            return Ok(found.clone());
        }
        if !cluster.reachable() {
            return Err(());
        }
        let asked = cluster.discover(&wanted.group, wanted.version.as_deref(), &wanted.kind);
        let found = match tokio::time::timeout(DISCOVERY, asked).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                tracing::warn!(
                    cluster = %cluster.spec().id, kind = wanted.kind, error = error.message,
                    "the kind can't be looked up"
                );
                return Err(());
            }
            Err(_) => return Err(()),
        };
        let found = found.map(|found| Description {
            group: wanted.group.clone(),
            version: found.version,
            kind: wanted.kind.clone(),
            plural: found.plural,
            singular: found.singular,
            namespaced: found.namespaced,
        });
        self.discovered.insert(key, (Instant::now(), found.clone()));
        Ok(found)
    }

    fn want(&self, wanted: &mut Watched, description: Description, namespaces: &[String]) {
        if KINDS.iter().any(|kind| kind.group == description.group && kind.plural == description.plural) {
            return;
        }
        let namespaced = description.namespaced;
        let resource = if description.group.is_empty() {
            description.plural.clone()
        } else {
            format!("{}.{}", description.plural, description.group)
        };
        let kind = known(description, self.rules.get(&resource).copied().unwrap_or_default());
        if namespaces.is_empty() || !namespaced {
            // All namespaces, whatever else is said of the kind.
            wanted.retain(|(known, _), _| *known != resource);
            wanted.insert((resource, None), kind);
            return;
        }
        if wanted.contains_key(&(resource.clone(), None)) {
            return;
        }
        for namespace in namespaces {
            wanted.insert((resource.clone(), Some(namespace.clone())), kind);
        }
    }
}

/// The rules of each resource, kept for as long as the process runs, as the kinds that have them are.
fn rules(configured: &[ReferenceConfig]) -> Result<BTreeMap<String, &'static [ReferenceRule]>, Error> {
    let kept = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
    let mut rules: BTreeMap<String, Vec<ReferenceRule>> = BTreeMap::new();
    for ReferenceConfig { from, path, to, namespaced } in configured {
        Path::parse(path)?;
        let relation = Relation {
            name: kept(&format!("{from}{path} {to}")),
            edge: EdgeType::RefersTo,
            to: kept(to),
            field: kept(path),
        };
        rules.entry(from.clone()).or_default().push(ReferenceRule {
            relation,
            path: relation.field,
            namespaced: *namespaced,
        });
    }
    Ok(rules
        .into_iter()
        .map(|(from, rules)| -> (String, &'static [ReferenceRule]) { (from, Vec::leak(rules)) })
        .collect())
}
