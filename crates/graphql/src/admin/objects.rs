//! Changes of objects: sent to their cluster as the caller, and on record before and after.

use std::fmt;

use async_graphql::{Context, Enum, ID, Object, SimpleObject, resolver_utils::enum_value};
use cluster_registry::unknown_cluster;
use fleetgraph_core::{
    Act, Error, ErrorCode, Identity, ObjectId, PatchFormat, Propagation, Scope, Write, Written,
};
use futures::future::BoxFuture;
use kinds::{ErrorExt, Json, Viewer, graph::ResourceId};
use secrecy::SecretString;
use serde_json::json;

use super::{Action, Desk, audited};
use crate::{caller::Caller, graph::OfKind};

/// Who sends changes to the clusters, as the caller.
pub trait Writes: fmt::Debug + Send + Sync {
    fn write<'a>(
        &'a self,
        write: &'a Write,
        by: &'a Identity,
        bearer: Option<&'a SecretString>,
    ) -> BoxFuture<'a, Result<Written, Error>>;
}

#[derive(Default)]
pub struct ObjectMutation;

#[Object]
impl ObjectMutation {
    /// Changes an object in its cluster, as the caller, by whose rights there it is made or refused. Only where
    /// `enable_mutations` is set. What the change does is seen by subscriptions and queries once the cluster's watch tells.
    async fn patch_resource(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "As the nodes of a graph give it: `deployments.apps/prod:shop:cart`.")] id: ID,
        #[graphql(
            desc = "With `metadata.resourceVersion`, only that version is changed. Fields that the kind doesn't have are an error."
        )]
        patch: Json,
        #[graphql(name = "type", default_with = "PatchType::Merge")] format: PatchType,
        #[graphql(default, desc = "Whether the cluster only checks it.")] dry_run: bool,
    ) -> async_graphql::Result<ChangedResource> {
        let details = json!({ "type": enum_value(format), "dryRun": dry_run });
        let mut action = Action { details, ..Action::new("patchResource") };
        let work = prepare(ctx, &mut action, &id, patching(format, &patch.0), dry_run);
        audited(ctx, action, work).await
    }

    /// Deletes an object in its cluster, as the caller, by whose rights there it is done or refused. Only where
    /// `enable_mutations` is set. The object is gone from answers once the cluster's watch tells.
    #[expect(clippy::too_many_arguments, reason = "one argument for each choice")]
    async fn delete_resource(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "As the nodes of a graph give it: `pods/prod:shop:cart-1`.")] id: ID,
        #[graphql(default_with = "DeletePropagation::Background")] propagation: DeletePropagation,
        #[graphql(desc = "How long it may take to end; as the object says, if missing.")]
        grace_period_seconds: Option<u32>,
        #[graphql(desc = "Only the object with this uid, not another one that has its name.")] uid: Option<
            String,
        >,
        #[graphql(desc = "Only this version of it.")] resource_version: Option<String>,
        #[graphql(default, desc = "Whether the cluster only checks it.")] dry_run: bool,
    ) -> async_graphql::Result<ChangedResource> {
        let act = Act::Delete {
            propagation: propagation.into(),
            grace_seconds: grace_period_seconds,
            uid,
            resource_version,
        };
        let details = json!({ "propagation": enum_value(propagation), "dryRun": dry_run });
        let mut action = Action { details, ..Action::new("deleteResource") };
        let work = prepare(ctx, &mut action, &id, Ok(act), dry_run);
        audited(ctx, action, work).await
    }
}

/// A change that may be tried, which begins when it is polled. What of it is on record says nothing of the values in it.
fn prepare(
    ctx: &Context<'_>,
    action: &mut Action,
    id: &ID,
    act: async_graphql::Result<Act>,
    dry_run: bool,
) -> async_graphql::Result<impl Future<Output = Result<ChangedResource, Error>> + Send + use<>> {
    let (caller, _) = Caller::identified(ctx)?;
    let writes = ctx.data::<Desk>()?.writes.clone().ok_or_else(off).graphql()?;
    let ResourceId { resource, object } = id.parse::<ResourceId>().graphql()?;
    action.cluster = Some(object.cluster.to_string());
    action.object = Some(id.to_string());
    let viewer = Viewer::of(ctx)?;
    let cluster = viewer.registry.cluster(&viewer.scope, object.cluster.as_str());
    let cluster = cluster.ok_or_else(|| unknown_cluster(object.cluster.as_str())).graphql()?;
    action.tenant = Some(cluster.spec().tenant.to_string());
    let act = act?;
    let of_kind = OfKind::find(&viewer.registry.read_any(&viewer.scope), object.cluster.as_str(), &resource)?;
    let (kind, quotable) = (*of_kind.kind, may_read_all(viewer, &of_kind, &object));
    if !kind.namespaced && !object.namespace.is_empty() {
        return Err(Error::bad_input(format!("{} lie in no namespace: write cluster::name", kind.plural)))
            .graphql();
    }
    let id = ResourceId { resource: kind.resource().into_owned(), object: object.clone() };
    action.object = Some(id.to_string());
    let namespace = object.namespace.to_string();
    let write = Write {
        cluster: object.cluster,
        kind,
        namespace,
        name: object.name.to_string(),
        act,
        dry_run,
        quotable,
    };
    let (by, bearer) = (caller.identity.clone(), caller.bearer.clone());
    Ok(async move {
        let by = by.ok_or_else(|| Error::new(ErrorCode::Unauthenticated, "nobody is calling"))?;
        let Written { uid, resource_version, generation } =
            writes.write(&write, &by, bearer.as_deref()).await?;
        Ok(ChangedResource { id: ID(id.to_string()), uid, resource_version, generation, dry_run })
    })
}

/// Whether it is known that nothing of the object is masked for the caller. Only a caller who is shown it unmasked may be told
/// what an API server repeats of it.
fn may_read_all(viewer: &Viewer, of_kind: &OfKind, object: &ObjectId) -> bool {
    let everything = Scope::everything();
    let [all, shown] = [&everything, &viewer.scope].map(|scope| {
        let reader = viewer.registry.read_any(scope);
        of_kind.stores.iter().find_map(|store| reader.get(&**store, &object.namespace, &object.name))
    });
    all.is_some_and(|object| !object.is_marked()) || shown.is_some_and(|object| object.masked().is_empty())
}

fn patching(format: PatchType, patch: &async_graphql::Value) -> async_graphql::Result<Act> {
    let body = serde_json::to_string(patch).graphql()?;
    if format == PatchType::Json {
        only_writes(patch).graphql()?;
    }
    Ok(Act::Patch { format: format.into(), body })
}

/// `copy`, `move` and `test` read: they would carry a value that the caller may not see to where it is seen, or tell what
/// it is.
fn only_writes(patch: &async_graphql::Value) -> Result<(), Error> {
    let wrong = || {
        Error::bad_input(
            "a patch of type JSON is a list of operations `add`, `remove` and `replace`; others read what the caller may not be \
             allowed to see",
        )
    };
    let async_graphql::Value::List(operations) = patch else { return Err(wrong()) };
    for operation in operations {
        let async_graphql::Value::Object(operation) = operation else { return Err(wrong()) };
        match operation.get("op") {
            Some(async_graphql::Value::String(op)) if matches!(op.as_str(), "add" | "remove" | "replace") => {
            }
            _ => return Err(wrong()),
        }
    }
    Ok(())
}

fn off() -> Error {
    Error::new(
        ErrorCode::NotConfigured,
        "objects of clusters can't be changed here; `enable_mutations: true` in the configuration allows it",
    )
}

/// How a patch is written.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "PatchFormat")]
pub enum PatchType {
    /// RFC 7386: what is null is removed, lists are replaced.
    Merge,
    /// As `kubectl apply` on built-in kinds: lists of containers, ports and the like are merged by their keys.
    StrategicMerge,
    /// RFC 6902: a list of operations `add`, `remove` and `replace`. Those that read (`copy`, `move`, `test`) are refused.
    Json,
}

/// What becomes of the objects that the deleted one owns.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "Propagation")]
pub enum DeletePropagation {
    /// They are deleted afterwards.
    Background,
    /// They are deleted first.
    Foreground,
    /// They stay, without an owner.
    Orphan,
}

/// An object that was changed or deleted, as its cluster answered.
#[derive(SimpleObject)]
pub struct ChangedResource {
    /// As the nodes of a graph give it: `deployments.apps/prod:shop:cart`.
    id: ID,
    uid: String,
    /// Of the changed object; of a deleted one, its last, or empty.
    resource_version: String,
    generation: Option<i64>,
    /// Whether nothing was changed.
    dry_run: bool,
}
