//! What all objects share, once for every kind.

use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
};

use async_graphql::{ContainerType, Context, ID, Object, ObjectType, TypeName};
use cluster_registry::{AnyEntry, Entry, Shared, SharedAny, pii::metadata_only};
use fleetgraph_core::{EdgeType, Error, ErrorCode, Kind, Meta};
use serde::Deserialize;

use crate::{
    cluster::{ClusterObject, Freshness},
    error::{ErrorExt, graphql_error},
    event::Event,
    filter::Filter,
    graph::{Direction, EdgeKind, Related},
    health::ObjectHealth,
    interface::AnyResource,
    loader::OwnedKey,
    manager::Manager,
    namespace::Namespace,
    refs::target,
    scalars::{DateTime, Int64, Json},
    viewer,
};

/// A kind that GraphQL shows.
pub trait ResourceKind: Kind {
    /// The kind's own fields.
    type Detail: ObjectType + ContainerType + From<Arc<Object<Self>>>;
    /// [`InNamespace`], or nothing for a cluster-scoped kind.
    type Placement: ObjectType + ContainerType + for<'a> From<&'a Object<Self>>;
    type Filter: Filter<Self>;

    /// The state that is worth a word in an event: one word for it, and a sentence.
    fn state(object: &Object<Self>) -> (Option<String>, Option<String>) {
        let _ = object;
        (None, None)
    }
}

/// An object that is being answered: the store's entry, and its text once a field needed that.
pub struct Object<K: Kind> {
    pub entry: Shared<K>,
    text: OnceLock<Result<String, Error>>,
    /// Its metadata alone, once a part of it could not be read for what is masked in it.
    bare: OnceLock<String>,
}

impl<K: Kind> Object<K> {
    /// The whole object as JSON; decoded once, however many fields ask for it.
    ///
    /// # Errors
    /// When the stored bytes are damaged.
    pub fn text(&self) -> Result<&str, Error> {
        let text = self.text.get_or_init(|| {
            self.entry.json().map_err(|error| Error::new(ErrorCode::MalformedObject, error.to_string()))
        });
        text.as_deref().map_err(Error::clone)
    }

    /// A part of the object, read from its JSON.
    ///
    /// # Errors
    /// When the part isn't as the API defines it.
    pub fn part<'a, T: Deserialize<'a>>(&'a self) -> async_graphql::Result<T> {
        part(self)
    }
}

/// A Kubernetes object.
pub struct Resource<K: ResourceKind>(Arc<Object<K>>);

impl<K: ResourceKind> Clone for Resource<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: ResourceKind> Resource<K> {
    #[must_use]
    pub fn new(entry: Shared<K>) -> Self {
        Self(Arc::new(Object { entry, text: OnceLock::new(), bare: OnceLock::new() }))
    }

    pub fn object(&self) -> &Object<K> {
        &self.0
    }

    #[must_use]
    pub fn entry(&self) -> &Shared<K> {
        &self.0.entry
    }
}

impl<K: ResourceKind> TypeName for Resource<K> {
    fn type_name() -> Cow<'static, str> {
        K::META.kind.into()
    }
}

#[Object(name_type)]
impl<K: ResourceKind> Resource<K> {
    /// `cluster:namespace:name`; `cluster::name` for a cluster-scoped object. A custom resource has its kind before
    /// it: `certificates.cert-manager.io/cluster:namespace:name`.
    pub async fn id(&self) -> ID {
        ID(self.0.entry.id())
    }

    #[graphql(flatten)]
    async fn common(&self) -> Common {
        Common::of(&self.0)
    }

    /// The cluster that the object lies in.
    pub async fn cluster(&self, ctx: &Context<'_>) -> async_graphql::Result<ClusterObject> {
        ClusterObject::by_id(ctx, &self.0.entry.cluster)
    }

    /// The Helm release, Argo CD application or Flux object that made this one, by the marks that they leave.
    async fn managed_by(&self) -> async_graphql::Result<Option<Manager>> {
        Common::of(&self.0).manager()
    }

    /// The owner that manages the object, such as a pod's ReplicaSet. An owner of a kind that fleetgraph does
    /// not watch, or one that is gone, is given by its name alone.
    async fn owned_by(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<AnyResource>> {
        Common::of(&self.0).owner(ctx).await
    }

    /// The Kubernetes events about the object, in the order of their names.
    async fn events(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<Event>>> {
        Common::of(&self.0).events(ctx).await
    }

    /// The objects next to this one, by every relation that is known: owners, references both ways, selectors.
    async fn related(
        &self,
        ctx: &Context<'_>,
        #[graphql(default_with = "Direction::Both")] direction: Direction,
        #[graphql(desc = "All but `CONCERNS` if missing.")] edge_types: Option<Vec<EdgeKind>>,
        #[graphql(default = 100, desc = "How many at most.")] limit: i32,
    ) -> async_graphql::Result<Vec<Related>> {
        let edges = edge_types_or_default(edge_types);
        let entry: SharedAny = Arc::<Entry<K>>::clone(&self.0.entry);
        Related::of(ctx, &entry, direction, Some(&edges), usize::try_from(limit).unwrap_or(0))
    }

    #[graphql(flatten)]
    async fn placement(&self) -> K::Placement {
        K::Placement::from(&*self.0)
    }

    #[graphql(flatten)]
    async fn detail(&self) -> K::Detail {
        K::Detail::from(Arc::clone(&self.0))
    }
}

/// What else the `Resource` interface asks of every kind.
impl<K: ResourceKind> Resource<K> {
    pub(crate) async fn name(&self, _: &Context<'_>) -> async_graphql::Result<&str> {
        Ok(&self.0.entry.meta.name)
    }

    pub(crate) async fn kind(&self, _: &Context<'_>) -> async_graphql::Result<&str> {
        Ok(self.0.entry.kind().kind)
    }

    pub(crate) async fn api_version(&self, _: &Context<'_>) -> async_graphql::Result<Cow<'_, str>> {
        Ok(self.0.entry.kind().api_version())
    }

    pub(crate) async fn health(&self, _: &Context<'_>) -> async_graphql::Result<ObjectHealth> {
        Ok(self.0.entry.health().into())
    }

    pub(crate) async fn masked_fields(&self, _: &Context<'_>) -> async_graphql::Result<Vec<&str>> {
        Ok(self.0.entry.masked().iter().map(|field| &**field).collect())
    }
}

/// An object that is being answered, whatever its kind.
trait AnyObject: Send + Sync {
    fn entry(&self) -> &dyn AnyEntry;
    fn text(&self) -> Result<&str, Error>;
    fn bare(&self) -> Result<&str, Error>;
}

/// A part of an object. What masking makes of a value may be nothing that the part can hold; then it is as if the object
/// had no more than metadata.
fn part<'a, T: Deserialize<'a>>(object: &'a dyn AnyObject) -> async_graphql::Result<T> {
    match serde_json::from_str(object.text().graphql()?) {
        Err(_) if !object.entry().masked().is_empty() => {
            serde_json::from_str(object.bare().graphql()?).graphql()
        }
        part => part.graphql(),
    }
}

impl<K: Kind> AnyObject for Object<K> {
    fn entry(&self) -> &dyn AnyEntry {
        &*self.entry
    }

    fn text(&self) -> Result<&str, Error> {
        Object::text(self)
    }

    fn bare(&self) -> Result<&str, Error> {
        if let Some(bare) = self.bare.get() {
            return Ok(bare);
        }
        let bare = metadata_only(self.text()?, &mut |_| {})
            .map_err(|error| Error::new(ErrorCode::MalformedObject, error.to_string()))?;
        Ok(self.bare.get_or_init(|| bare))
    }
}

/// The fields of every kind. Their resolvers are compiled once, not once for each kind. Fields that lead to objects can't
/// be among them: their types would ask for these fields before they are known.
struct Common(Arc<dyn AnyObject>);

impl Common {
    fn of<K: Kind>(object: &Arc<Object<K>>) -> Self {
        Self(Arc::<Object<K>>::clone(object))
    }

    fn manager(&self) -> async_graphql::Result<Option<Manager>> {
        let Meta { labels, application, .. } = self.entry().meta();
        let annotations = self.annotations_text()?;
        Ok(Manager::of(self.entry().cluster(), labels, application.as_deref(), &annotations))
    }

    async fn owner(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<AnyResource>> {
        let meta = self.entry().meta();
        match meta.controller().or_else(|| meta.owners.first()) {
            Some(owner) => {
                AnyResource::owner(ctx, self.entry().cluster(), &meta.namespace, owner).await.map(Some)
            }
            None => Ok(None),
        }
    }

    async fn events(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<Event>>> {
        let (kind, meta) = (self.entry().kind(), self.entry().meta());
        let key = OwnedKey::Ref {
            relation: crate::event::REGARDING.name,
            namespace: meta.namespace.to_string(),
            name: target(kind.kind, kind.group, &meta.name),
        };
        viewer::by::<Event>(ctx, self.entry().cluster(), key).await
    }

    fn entry(&self) -> &dyn AnyEntry {
        self.0.entry()
    }

    fn part<'a, T: Deserialize<'a>>(&'a self) -> async_graphql::Result<T> {
        part(&*self.0)
    }

    fn annotations_text(&self) -> async_graphql::Result<crate::text::Strings> {
        #[derive(Deserialize)]
        struct Text {
            metadata: Metadata,
        }
        #[derive(Deserialize)]
        struct Metadata {
            #[serde(default)]
            annotations: crate::text::Strings,
        }
        Ok(self.part::<Text>()?.metadata.annotations)
    }
}

#[Object]
impl Common {
    async fn name(&self) -> &str {
        &self.entry().meta().name
    }

    /// The kind, such as `Pod`.
    async fn kind(&self) -> &'static str {
        self.entry().kind().kind
    }

    /// The API group and version, such as `apps/v1`.
    async fn api_version(&self) -> Cow<'static, str> {
        self.entry().kind().api_version()
    }

    /// How the object is doing, by one rule set for all kinds.
    async fn health(&self) -> ObjectHealth {
        self.entry().health().into()
    }

    /// The object's identity in its cluster; a new object of the same name has another.
    async fn uid(&self) -> &str {
        &self.entry().meta().uid
    }

    async fn labels(&self) -> Json {
        Json::strings(self.entry().meta().labels.iter())
    }

    async fn annotations(&self) -> async_graphql::Result<Json> {
        let annotations = self.annotations_text()?;
        Ok(Json::strings(annotations.iter().map(|(k, v)| (k.as_str(), v.as_str()))))
    }

    /// The version of the object at its API server. Compare for equality only.
    async fn resource_version(&self) -> &str {
        &self.entry().meta().resource_version
    }

    /// How often the desired state was changed; null where the API server does not count.
    async fn generation(&self) -> Option<Int64> {
        Some(self.entry().meta().generation).filter(|generation| *generation > 0).map(Int64)
    }

    async fn created_at(&self) -> Option<DateTime> {
        self.entry().meta().created.map(DateTime)
    }

    /// When deletion was asked for; the object is being removed since.
    async fn deleted_at(&self) -> Option<DateTime> {
        self.entry().meta().deleted.map(DateTime)
    }

    /// The whole object as YAML, without `managedFields`.
    async fn yaml(&self) -> async_graphql::Result<String> {
        let value: serde_json::Value = self.part()?;
        serde_saphyr::to_string(&value).map_err(|error| {
            graphql_error(&Error::new(
                ErrorCode::Internal,
                format!("the object can't be written as YAML: {error}"),
            ))
        })
    }

    /// The whole object as the API server has it, without `managedFields`. A secret shows the size in bytes in place
    /// of each value, and no annotation that holds a copy of it; by default it is watched as metadata only, and
    /// shows no more than that.
    async fn manifest(&self) -> async_graphql::Result<Json> {
        self.part::<async_graphql::Value>().map(Json)
    }

    /// What of the object is masked for you, as paths of its manifest: the fields that rules name as personal data, where your
    /// rights in the cluster lack the verb `unmask`. A text shows `•••`, a time null, a number 0, a truth value false, an object
    /// or a list nothing; and so does whatever follows from it. Empty if you see the object as its cluster has it.
    async fn masked_fields(&self) -> Vec<&str> {
        self.entry().masked().iter().map(|field| &**field).collect()
    }

    /// How current the cluster's objects of this kind are.
    async fn freshness(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Freshness>> {
        Freshness::of_kind(ctx, self.entry().cluster(), self.entry().kind())
    }
}

/// The relations that a caller wants: all but those of events, if none is said.
#[must_use]
pub fn edge_types_or_default(edge_types: Option<Vec<EdgeKind>>) -> Vec<EdgeType> {
    match edge_types {
        Some(edge_types) => edge_types.into_iter().map(Into::into).collect(),
        None => EdgeType::ALL.into_iter().filter(|edge| *edge != EdgeType::Concerns).collect(),
    }
}

/// The fields of objects that lie in a namespace.
pub struct InNamespace {
    cluster: fleetgraph_core::ClusterId,
    namespace: fleetgraph_core::Istr,
}

impl<K: Kind> From<&Object<K>> for InNamespace {
    fn from(object: &Object<K>) -> Self {
        Self { cluster: object.entry.cluster.clone(), namespace: object.entry.meta.namespace.clone() }
    }
}

#[Object]
impl InNamespace {
    /// The namespace that the object lies in; null if it can't be seen or was not read yet.
    async fn namespace(&self, ctx: &Context<'_>) -> Option<async_graphql::Result<Resource<Namespace>>> {
        viewer::get::<Namespace>(ctx, &self.cluster, "", &self.namespace).await.transpose()
    }

    /// The name of the namespace that the object lies in.
    async fn namespace_name(&self) -> &str {
        &self.namespace
    }
}

/// The fields of objects of which some kinds lie in namespaces and some don't.
pub struct MaybeInNamespace(InNamespace);

impl<K: Kind> From<&Object<K>> for MaybeInNamespace {
    fn from(object: &Object<K>) -> Self {
        Self(InNamespace::from(object))
    }
}

#[Object]
impl MaybeInNamespace {
    /// The namespace that the object lies in; null for a cluster-scoped one.
    async fn namespace(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Resource<Namespace>>> {
        if self.0.namespace.is_empty() {
            return Ok(None);
        }
        viewer::get::<Namespace>(ctx, &self.0.cluster, "", &self.0.namespace).await
    }

    /// The name of the namespace that the object lies in; null for a cluster-scoped one.
    async fn namespace_name(&self) -> Option<&str> {
        Some(&*self.0.namespace).filter(|namespace| !namespace.is_empty())
    }
}

/// The fields of cluster-scoped objects: none of their own.
#[derive(async_graphql::SimpleObject)]
#[graphql(fake)]
pub struct ClusterScoped;

impl<K: Kind> From<&Object<K>> for ClusterScoped {
    fn from(_: &Object<K>) -> Self {
        Self
    }
}
