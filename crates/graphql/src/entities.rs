//! `kubernetesResources`: objects as plain entities, for clients that know a catalog's form and not each kind's.

use async_graphql::{Context, ID, Object};
use cluster_registry::{Edge, SharedAny};
use fleetgraph_core::{EdgeType, Error};
use kinds::{
    ErrorExt, Json, Viewer,
    graph::{Direction, Related, entity_type},
    report,
};
use serde_json::{Map, Value, json};

use crate::graph::{OfKind, bounded};

/// The most entities of one answer.
const MAX_ENTITIES: usize = 10_000;
/// The most relationships of one entity.
const MAX_RELATED: usize = 1000;

#[derive(Default)]
pub struct EntityQuery;

#[Object]
impl EntityQuery {
    /// The objects of a kind in a cluster as plain entities, in the order of namespace and name.
    async fn kubernetes_resources(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of the cluster.")] cluster: String,
        #[graphql(
            name = "type",
            desc = "The kind: `pod`, or `certificates.cert-manager.io` for a custom resource."
        )]
        kind: String,
        #[graphql(desc = "All namespaces if missing.")] namespace: Option<String>,
        #[graphql(default = 1000, desc = "How many at most; 10000 is the bound.")] limit: i32,
    ) -> async_graphql::Result<Vec<KubernetesResource>> {
        let viewer = Viewer::of(ctx)?;
        let reader = viewer.registry.read_any(&viewer.scope);
        let of_kind = OfKind::find(&reader, &cluster, &kind)?;
        let limit = bounded("limit", limit, MAX_ENTITIES)?;
        let (from, to) = match &namespace {
            Some(namespace) => (Edge::Before(namespace), Edge::After(namespace)),
            None => (Edge::Least, Edge::Greatest),
        };
        let mut rows = Vec::new();
        let mut truncated = false;
        for store in &of_kind.stores {
            if let Some(problem) = reader.problem(&**store) {
                report(ctx, &problem);
            }
            let (found, more) = reader.within(&**store, None, from, to, limit - rows.len(), &|_| true);
            rows.extend(found);
            truncated |= more;
        }
        if truncated {
            let message = format!(
                "there are more than {limit} {}; ask for a namespace, or page through `resources`",
                of_kind.kind.plural
            );
            report(ctx, &Error::bad_input(message));
        }
        Ok(rows.into_iter().map(KubernetesResource).collect())
    }
}

/// An object as a catalog's entity.
struct KubernetesResource(SharedAny);

impl KubernetesResource {
    fn json(&self) -> async_graphql::Result<Value> {
        serde_json::from_str(&self.0.json().graphql()?).graphql()
    }
}

#[Object]
impl KubernetesResource {
    /// `cluster:namespace:name`; `cluster::name` for a cluster-scoped object.
    async fn id(&self) -> ID {
        let meta = self.0.meta();
        ID(format!("{}:{}:{}", self.0.cluster(), &*meta.namespace, meta.name))
    }

    /// `kubernetes.pod`; `kubernetes.certificates.cert-manager.io` for a custom resource.
    #[graphql(name = "type")]
    async fn kind(&self) -> String {
        entity_type(self.0.kind())
    }

    /// The object's spec, status and other parts, without its metadata.
    async fn attributes(&self) -> async_graphql::Result<Json> {
        let mut object = self.json()?;
        if let Value::Object(fields) = &mut object {
            for key in ["apiVersion", "kind", "metadata"] {
                fields.remove(key);
            }
        }
        Ok(object.into())
    }

    /// What of the object is masked for you as personal data, as paths of its manifest.
    async fn masked_fields(&self) -> Vec<&str> {
        self.0.masked().iter().map(|field| &**field).collect()
    }

    /// The objects that this one is related to, by the relation: `owned_by`, `runs_on`, `uses`, `selects`, … The other
    /// way round, `of_` stands before it: `of_owned_by`.
    async fn relationships(&self, ctx: &Context<'_>) -> async_graphql::Result<Json> {
        let edges: Vec<_> = EdgeType::ALL.into_iter().filter(|edge| *edge != EdgeType::Concerns).collect();
        let related = Related::of(ctx, &self.0, Direction::Both, Some(&edges), MAX_RELATED)?;
        let mut relationships = Map::new();
        for related in &related {
            let entry = json!({ "type": related.entity_type(), "id": related.entity_id() });
            let list = relationships.entry(related.word()).or_insert_with(|| json!([]));
            if let Value::Array(list) = list {
                list.push(entry);
            }
        }
        Ok(Value::Object(relationships).into())
    }

    /// The object's metadata, and how it is doing.
    async fn metadata(&self) -> async_graphql::Result<Json> {
        let mut object = self.json()?;
        let mut metadata = object.get_mut("metadata").map(Value::take).unwrap_or_else(|| json!({}));
        if let Value::Object(fields) = &mut metadata {
            let health = self.0.health();
            fields.insert("cluster".to_owned(), json!(self.0.cluster().as_str()));
            fields.insert("apiVersion".to_owned(), json!(self.0.kind().api_version()));
            fields.insert("kind".to_owned(), json!(self.0.kind().kind));
            fields.insert("health".to_owned(), json!(format!("{:?}", health.state)));
        }
        Ok(metadata.into())
    }
}
