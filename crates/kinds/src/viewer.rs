//! What a request carries: the registry, the caller's scope, and the loaders that read with it. Resolvers find
//! it in the request's data; there is no other way to the registry.

use std::{
    collections::{BTreeMap, HashSet},
    marker::PhantomData,
    sync::{Arc, Mutex, PoisonError},
};

use async_graphql::Context;
use cluster_registry::{Entry, Registry};
use fleetgraph_core::{
    ClusterId, EdgeType, Error, ErrorCode, IndexKey, Kind, KindMeta, LabelSelector, Relation, Scope,
};

use crate::{
    budget::Budget,
    error::{ErrorExt, graphql_error, report},
    interface::AnyResource,
    loader::{ByKey, ByName, BySelector, Loaders, OwnedKey},
    pod::Pod,
    resource::{Resource, ResourceKind},
};

/// One caller's view of the fleet, for one request.
pub struct Viewer {
    pub registry: Registry,
    pub scope: Scope,
    loaders: Loaders,
    /// Of what the answer says already that it may be old or incomplete.
    warned: Mutex<HashSet<(ClusterId, &'static str)>>,
    budget: Arc<Budget>,
}

impl Viewer {
    #[must_use]
    pub fn new(registry: Registry, scope: Scope, budget: Budget) -> Self {
        Self::with(registry, scope, Arc::new(budget))
    }

    fn with(registry: Registry, scope: Scope, budget: Arc<Budget>) -> Self {
        let loaders = Loaders::new(registry.clone(), scope.clone());
        Self { registry, scope, loaders, warned: Mutex::default(), budget }
    }

    /// The same caller's view, for executing the same request once more.
    #[must_use]
    pub fn again(&self) -> Self {
        Self::with(self.registry.clone(), self.scope.clone(), Arc::clone(&self.budget))
    }

    /// What is left for related objects in the answer that is made.
    #[must_use]
    pub fn budget(&self) -> Arc<Budget> {
        Arc::clone(&self.budget)
    }

    /// Objects that go into an answer by relations; none of them if they are too many.
    pub(crate) fn bounded<T>(&self, objects: Vec<T>) -> Vec<T> {
        if self.budget.take(objects.len()) { objects } else { Vec::new() }
    }

    /// The viewer of the request that is being answered.
    ///
    /// # Errors
    /// When a transport forgot to set it, which is a fault of ours.
    pub fn of<'a>(ctx: &Context<'a>) -> async_graphql::Result<&'a Self> {
        ctx.data::<Self>()
            .map_err(|_| graphql_error(&Error::new(ErrorCode::Internal, "the request carries no viewer")))
    }

    /// Adds an error to the answer if what is read of a kind in a cluster may be old or incomplete: once an answer,
    /// however many objects are related to some of that kind.
    fn warn<K: ResourceKind>(&self, ctx: &Context<'_>, cluster: &ClusterId) {
        self.warn_of(ctx, cluster, &K::META, self.registry.read::<K>(&self.scope).problem(cluster.as_str()));
    }

    fn warn_of(&self, ctx: &Context<'_>, cluster: &ClusterId, kind: &KindMeta, problem: Option<Error>) {
        let Some(problem) = problem else { return };
        let key = (cluster.clone(), kind.kind);
        if self.warned.lock().unwrap_or_else(PoisonError::into_inner).insert(key) {
            report(ctx, &problem);
        }
    }

    /// Whether the answer has yet to say a problem of a cluster; it says it once.
    pub fn says(&self, problem: &Error) -> bool {
        let Some(cluster) = &problem.cluster else { return true };
        let key = (cluster.clone(), problem.code.as_str());
        self.warned.lock().unwrap_or_else(PoisonError::into_inner).insert(key)
    }

    /// Begins another answer with the same rights, as for the next event of a subscription.
    pub fn renew(&self) {
        self.warned.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.budget.renew();
    }
}

/// One object by its name.
pub(crate) async fn get<K: ResourceKind>(
    ctx: &Context<'_>,
    cluster: &ClusterId,
    namespace: &str,
    name: &str,
) -> async_graphql::Result<Option<Resource<K>>> {
    let viewer = Viewer::of(ctx)?;
    viewer.warn::<K>(ctx, cluster);
    let found = viewer.loaders.load_one(ByName::new(cluster, namespace, name)).await.graphql()?;
    Ok(found.filter(|_| viewer.budget.take(1)).map(Resource::new))
}

/// Those of several objects that are there, in the order of the names.
pub(crate) async fn get_each<K: ResourceKind>(
    ctx: &Context<'_>,
    cluster: &ClusterId,
    names: impl IntoIterator<Item = (&str, &str)>,
) -> async_graphql::Result<Vec<Resource<K>>> {
    let viewer = Viewer::of(ctx)?;
    let keys: Vec<ByName<K>> =
        names.into_iter().map(|(namespace, name)| ByName::new(cluster, namespace, name)).collect();
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    viewer.warn::<K>(ctx, cluster);
    let mut found = viewer.loaders.load_many(keys.iter().cloned()).await.graphql()?;
    Ok(viewer.bounded(keys.iter().filter_map(|key| found.remove(key)).map(Resource::new).collect()))
}

/// The objects under a key, in order.
pub(crate) async fn by<K: ResourceKind>(
    ctx: &Context<'_>,
    cluster: &ClusterId,
    key: OwnedKey,
) -> async_graphql::Result<Vec<Resource<K>>> {
    by_each(ctx, cluster, [key]).await
}

/// The objects that name another among their owners, and may have it as one, in order.
pub(crate) async fn owned<K: ResourceKind, O: Kind>(
    ctx: &Context<'_>,
    owner: &Entry<O>,
) -> async_graphql::Result<Vec<Resource<K>>> {
    let mut owned: Vec<Resource<K>> =
        by(ctx, &owner.cluster, OwnedKey::Owner(owner.meta.uid.to_string())).await?;
    owned.retain(|object| owner.meta.may_own(&object.entry().meta));
    Ok(owned)
}

/// The owner that manages an object, if it is of this kind and still there. Another object that has taken its name is
/// not it.
pub(crate) async fn controller<K: ResourceKind, O: Kind>(
    ctx: &Context<'_>,
    object: &Entry<O>,
) -> async_graphql::Result<Option<Resource<K>>> {
    let Some(owner) = object.meta.controller().filter(|owner| &*owner.kind == K::META.kind) else {
        return Ok(None);
    };
    let found = get::<K>(ctx, &object.cluster, &object.meta.namespace, &owner.name).await?;
    Ok(found.filter(|found| *found.entry().meta.uid == *owner.uid))
}

/// The objects under each of several keys, in the order of the keys.
pub(crate) async fn by_each<K: ResourceKind>(
    ctx: &Context<'_>,
    cluster: &ClusterId,
    keys: impl IntoIterator<Item = OwnedKey>,
) -> async_graphql::Result<Vec<Resource<K>>> {
    let viewer = Viewer::of(ctx)?;
    viewer.warn::<K>(ctx, cluster);
    let keys: Vec<ByKey<K>> =
        keys.into_iter().map(|key| ByKey { cluster: cluster.clone(), key, kind: PhantomData }).collect();
    let mut found = viewer.loaders.load_many(keys.iter().cloned()).await.graphql()?;
    let found = keys.iter().flat_map(|key| found.remove(key).unwrap_or_default()).collect();
    Ok(viewer.bounded(found).into_iter().map(Resource::new).collect())
}

/// The objects that refer to one by a relation, in order. `namespace` is empty if the one is cluster-scoped.
pub(crate) async fn referrers<K: ResourceKind>(
    ctx: &Context<'_>,
    cluster: &ClusterId,
    relation: &'static Relation,
    namespace: &str,
    name: &str,
) -> async_graphql::Result<Vec<Resource<K>>> {
    let key =
        OwnedKey::Ref { relation: relation.name, namespace: namespace.to_owned(), name: name.to_owned() };
    by(ctx, cluster, key).await
}

/// How many users of one object are shown at most.
const USERS: usize = 1000;

/// The objects of any kind that use one, kind by kind and each kind in order, `limit` at most. Which kinds these
/// are follows from the relations that they declare.
pub(crate) fn users<K: ResourceKind>(
    ctx: &Context<'_>,
    used: &Entry<K>,
    limit: i32,
) -> async_graphql::Result<Vec<AnyResource>> {
    let limit = usize::try_from(limit).unwrap_or(0).min(USERS);
    let viewer = Viewer::of(ctx)?;
    let reader = viewer.registry.read_any(&viewer.scope);
    let mut users = Vec::new();
    for store in reader.stores(used.cluster.as_str()) {
        let mut relations = store.relations();
        relations.retain(|relation| relation.edge == EdgeType::Uses && K::META.is_resource(relation.to));
        if relations.is_empty() {
            continue;
        }
        viewer.warn_of(ctx, &used.cluster, store.kind(), reader.problem(&*store));
        let room = limit - users.len();
        // One object may use another in several ways.
        let mut found = BTreeMap::new();
        for relation in relations {
            let (namespace, name) = (&*used.meta.namespace, &*used.meta.name);
            let key = IndexKey::Ref { relation: relation.name, namespace, name };
            let (objects, _) = reader.by(&*store, key, room);
            found.extend(objects.into_iter().map(|object| {
                let meta = object.meta();
                ((meta.namespace.clone(), meta.name.clone()), object)
            }));
        }
        users.extend(found.into_values().filter_map(AnyResource::from_any).take(room));
    }
    Ok(viewer.bounded(users))
}

/// The objects of a namespace that select a pod by its labels, in the order of their names.
pub(crate) async fn selectors<K: ResourceKind>(
    ctx: &Context<'_>,
    pod: &Entry<Pod>,
) -> async_graphql::Result<Vec<Resource<K>>> {
    let key = |key: &str, value: &str| OwnedKey::Selector {
        namespace: pod.meta.namespace.to_string(),
        key: key.to_owned(),
        value: value.to_owned(),
    };
    let keys = pod.meta.labels.iter().map(|(k, v)| key(k, v)).chain([key("", "")]);
    let mut found = by_each::<K>(ctx, &pod.cluster, keys).await?;
    found.retain(|object| {
        K::selector(&object.entry().columns).is_some_and(|selector| selector.matches(&pod.meta.labels))
    });
    found.sort_by(|a, b| a.entry().meta.name.cmp(&b.entry().meta.name));
    Ok(found)
}

/// The objects of a namespace whose labels match. An empty selector matches all.
pub(crate) async fn selected<K: ResourceKind>(
    ctx: &Context<'_>,
    cluster: &ClusterId,
    namespace: &str,
    selector: LabelSelector,
) -> async_graphql::Result<Vec<Resource<K>>> {
    let viewer = Viewer::of(ctx)?;
    viewer.warn::<K>(ctx, cluster);
    let key =
        BySelector { cluster: cluster.clone(), namespace: namespace.to_owned(), selector, kind: PhantomData };
    let found = viewer.loaders.load_one(key).await.graphql()?.unwrap_or_default();
    Ok(viewer.bounded(found).into_iter().map(Resource::new).collect())
}
