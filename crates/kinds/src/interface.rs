//! `Resource`, the interface that every kind implements, and the answer where the kind is not known beforehand.

use async_graphql::{Context, ID, Interface};
use cluster_registry::{Entry, SharedAny};
use fleetgraph_core::{ClusterId, Kind, KindMeta, OwnerRef};

use crate::{
    cluster::ClusterObject,
    custom::CustomResource,
    for_each_kind,
    graph::Named,
    health::ObjectHealth,
    reference::ObjectReference,
    refs::group_of,
    resource::Resource,
    table::*,
    viewer::{self, Viewer},
};

macro_rules! interface {
    (
        cluster_scoped { $(($cluster_kind:ident, $($_c:ident),*),)* }
        namespaced { $(($namespaced_kind:ident, $($_n:ident),*),)* }
    ) => {
        interface!(@ $($cluster_kind)* $($namespaced_kind)*);
    };
    (@ $($kind:ident)*) => {
        /// An object of any kind.
        #[derive(Interface)]
        #[graphql(
            name = "Resource",
            field(name = "id", ty = "ID", desc = "`cluster:namespace:name`; `cluster::name` for a cluster-scoped object."),
            field(name = "name", ty = "&str"),
            field(name = "kind", ty = "&str", desc = "The kind, such as `Pod`."),
            field(name = "api_version", ty = "std::borrow::Cow<'_, str>", desc = "The API group and version, such as `apps/v1`."),
            field(name = "health", ty = "ObjectHealth", desc = "How the object is doing, by one rule set for all kinds."),
            field(name = "cluster", ty = "ClusterObject", desc = "The cluster that the object lies in."),
            field(name = "masked_fields", ty = "Vec<&str>", desc = "What of the object is masked for you as personal data, as paths of its manifest.")
        )]
        pub enum AnyResource {
            $($kind(Resource<$kind>),)*
            CustomResource(Resource<CustomResource>),
            Reference(ObjectReference),
        }

        impl AnyResource {
            /// An object that was found without knowing its kind.
            pub fn from_any(entry: SharedAny) -> Option<Self> {
                let kind = entry.kind();
                let entry = entry.into_any();
                $(
                    if *kind == $kind::META {
                        return entry.downcast::<Entry<$kind>>().ok().map(|entry| Self::$kind(Resource::new(entry)));
                    }
                )*
                entry.downcast::<Entry<CustomResource>>().ok().map(|entry| Self::CustomResource(Resource::new(entry)))
            }

            /// The object's uid; `None` for one that is known by its name alone.
            fn uid(&self) -> Option<&str> {
                match self {
                    $(Self::$kind(object) => Some(&object.entry().meta.uid),)*
                    Self::CustomResource(object) => Some(&object.entry().meta.uid),
                    Self::Reference(_) => None,
                }
            }

            /// An object by its kind and name: the object itself if it is watched and can be seen.
            pub(crate) async fn find(
                ctx: &Context<'_>,
                cluster: &ClusterId,
                kind: &str,
                api_version: &str,
                namespace: &str,
                name: &str,
            ) -> async_graphql::Result<Option<Self>> {
                        $(
                    if kind == $kind::META.kind && api_version == $kind::META.api_version() {
                        let namespace = if $kind::META.namespaced { namespace } else { "" };
                        return Ok(viewer::get::<$kind>(ctx, cluster, namespace, name).await?.map(Self::$kind));
                    }
                )*
                // Not of the table: a kind that this cluster has besides.
                let viewer = Viewer::of(ctx)?;
                let reader = viewer.registry.read_any(&viewer.scope);
                let of_kind = reader.stores_where(cluster.as_str(), &is_kind(kind, api_version));
                let mut found = of_kind.iter().filter_map(|store| {
                    let namespace = if store.kind().namespaced { namespace } else { "" };
                    reader.get(&**store, namespace, name)
                });
                Ok(found.next().and_then(Self::from_any))
            }
        }
    };
}

for_each_kind!(interface);

/// Whether a kind is the one that a reference names, in whatever version.
fn is_kind(kind: &str, api_version: &str) -> impl Fn(&KindMeta) -> bool {
    move |meta| meta.kind == kind && meta.group == group_of(api_version)
}

impl AnyResource {
    /// The owner that a reference names. Another object that has taken the owner's name is not it.
    pub(crate) async fn owner(
        ctx: &Context<'_>,
        cluster: &ClusterId,
        namespace: &str,
        owner: &OwnerRef,
    ) -> async_graphql::Result<Self> {
        let (kind, api_version, name) = (&*owner.kind, &*owner.api_version, &*owner.name);
        let found = Self::find_or_name(ctx, cluster, kind, api_version, namespace, name).await?;
        if found.uid().is_none_or(|uid| *uid == *owner.uid) {
            return Ok(found);
        }
        Self::by_name(ctx, cluster, kind, api_version, namespace, name)
    }

    /// An object by its kind and name, or else its name alone.
    pub(crate) async fn find_or_name(
        ctx: &Context<'_>,
        cluster: &ClusterId,
        kind: &str,
        api_version: &str,
        namespace: &str,
        name: &str,
    ) -> async_graphql::Result<Self> {
        if let Some(found) = Self::find(ctx, cluster, kind, api_version, namespace, name).await? {
            return Ok(found);
        }
        Self::by_name(ctx, cluster, kind, api_version, namespace, name)
    }

    fn by_name(
        ctx: &Context<'_>,
        cluster: &ClusterId,
        kind: &str,
        api_version: &str,
        namespace: &str,
        name: &str,
    ) -> async_graphql::Result<Self> {
        let viewer = Viewer::of(ctx)?;
        let is_it = is_kind(kind, api_version);
        let of_kind = viewer.registry.read_any(&viewer.scope).stores_where(cluster.as_str(), &is_it);
        let named = Named::new(cluster, &of_kind, &is_it, kind, namespace, name);
        Ok(Self::Reference(ObjectReference::new(named, Some(api_version.to_owned()))))
    }
}
