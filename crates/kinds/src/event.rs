//! Kubernetes events: what controllers and kubelets say about objects.

use std::{borrow::Cow, sync::Arc};

use async_graphql::{Context, InputObject, Object};
use cluster_registry::Matches;
use fleetgraph_core::{EdgeType, IndexKey, Istr, Kind, KindMeta, Meta, Relation, Timestamp};
use serde::Deserialize;

use crate::{
    filter::{Filter, ResourceFilter},
    interface::AnyResource,
    refs::{of_kind, read_target},
    resource::{self, InNamespace, ResourceKind},
    scalars::DateTime,
    text::Part,
};

/// To the object that it is about, named `Kind/name`.
pub const REGARDING: Relation =
    Relation { name: "event.involvedObject", edge: EdgeType::Concerns, to: "", field: "involvedObject" };

/// A report about an object.
pub enum Event {}

/// What lists and filters of events need.
pub struct Columns {
    kind: Istr,
    reason: Istr,
    count: i32,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    /// `Kind/name` of the object.
    regarding: Box<str>,
    regarding_namespace: Istr,
    regarding_api_version: Istr,
    regarding_uid: Box<str>,
    source: Istr,
    reporting_component: Istr,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Text {
    #[serde(rename = "type", default)]
    kind: Part<Istr>,
    #[serde(default)]
    reason: Part<Istr>,
    #[serde(default)]
    count: Option<i32>,
    #[serde(default)]
    first_timestamp: Option<Timestamp>,
    #[serde(default)]
    last_timestamp: Option<Timestamp>,
    #[serde(default)]
    event_time: Option<Timestamp>,
    #[serde(default)]
    series: Option<Series>,
    #[serde(default)]
    involved_object: Part<Involved>,
    #[serde(default)]
    source: Part<Source>,
    #[serde(default)]
    reporting_component: Part<Istr>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Series {
    #[serde(default)]
    count: Option<i32>,
    #[serde(default)]
    last_observed_time: Option<Timestamp>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Involved {
    kind: Part<Istr>,
    name: Part<String>,
    namespace: Part<Istr>,
    api_version: Part<Istr>,
    uid: Part<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Source {
    component: Part<Istr>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    message: Part<String>,
}

impl Kind for Event {
    const META: KindMeta = KindMeta {
        group: "",
        version: "v1",
        kind: "Event",
        plural: "events",
        singular: "event",
        namespaced: true,
        rules: &[],
    };

    type Columns = Columns;

    fn columns(object: &str) -> Result<Columns, serde_json::Error> {
        let text: Text = serde_json::from_str(object)?;
        let involved = text.involved_object.0;
        let series = text.series.as_ref();
        let component = text.source.0.component;
        let source = if component.is_empty() { &text.reporting_component } else { &component };
        Ok(Columns {
            kind: text.kind.0,
            reason: text.reason.0,
            count: series.and_then(|s| s.count).or(text.count).unwrap_or(1),
            first: text.first_timestamp.or(text.event_time),
            last: series.and_then(|s| s.last_observed_time).or(text.last_timestamp).or(text.event_time),
            regarding: of_kind(&involved.kind.0, &involved.api_version.0, &involved.name).into(),
            regarding_namespace: involved.namespace.0,
            regarding_api_version: involved.api_version.0,
            regarding_uid: involved.uid.0.into(),
            source: source.0.clone(),
            reporting_component: text.reporting_component.0,
        })
    }

    fn references<'a>(_: &'a Meta, columns: &'a Columns, emit: &mut dyn FnMut(IndexKey<'a>)) {
        // Events about cluster-scoped objects lie in `default`, and name no namespace of the object.
        emit(IndexKey::Ref {
            relation: REGARDING.name,
            namespace: &columns.regarding_namespace,
            name: &columns.regarding,
        });
    }

    const RELATIONS: &'static [Relation] = &[REGARDING];

    const FIELDS: &'static [&'static str] = &[
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ];

    fn field<'a>(columns: &'a Columns, field: &str) -> Cow<'a, str> {
        let (kind, name) = columns.regarding();
        Cow::Borrowed(match field {
            "involvedObject.kind" => kind,
            "involvedObject.name" => name,
            "involvedObject.namespace" => &columns.regarding_namespace,
            "involvedObject.uid" => &columns.regarding_uid,
            "involvedObject.apiVersion" => &columns.regarding_api_version,
            "reason" => &columns.reason,
            "type" => &columns.kind,
            "reportingComponent" => &columns.reporting_component,
            _ => &columns.source,
        })
    }
}

impl Columns {
    /// Kind and name.
    fn regarding(&self) -> (&str, &str) {
        let (kind, _, name) = read_target(&self.regarding);
        (kind, name)
    }
}

impl ResourceKind for Event {
    type Detail = EventDetail;
    type Placement = InNamespace;
    type Filter = EventFilter;
}

/// What events can be filtered by. All conditions must hold.
#[derive(InputObject, Default, Clone)]
pub struct EventFilter {
    #[graphql(flatten)]
    common: ResourceFilter,
    /// `Normal` or `Warning`.
    #[graphql(name = "type")]
    kind: Option<String>,
    /// Such as `BackOff`.
    reason: Option<String>,
}

impl Filter<Event> for EventFilter {
    fn common(&self) -> &ResourceFilter {
        &self.common
    }

    fn own(&self) -> Option<Matches<Event>> {
        let (kind, reason) = (self.kind.clone(), self.reason.clone());
        (kind.is_some() || reason.is_some()).then(|| -> Matches<Event> {
            Box::new(move |event| {
                kind.as_ref().is_none_or(|kind| **kind == *event.columns.kind)
                    && reason.as_ref().is_none_or(|reason| **reason == *event.columns.reason)
            })
        })
    }
}

/// An event's own fields.
pub struct EventDetail(Arc<resource::Object<Event>>);

impl From<Arc<resource::Object<Event>>> for EventDetail {
    fn from(object: Arc<resource::Object<Event>>) -> Self {
        Self(object)
    }
}

#[Object]
impl EventDetail {
    /// `Normal` or `Warning`.
    #[graphql(name = "type")]
    async fn kind_of_event(&self) -> &str {
        &self.0.entry.columns.kind
    }

    /// One word for the cause, such as `BackOff`.
    async fn reason(&self) -> &str {
        &self.0.entry.columns.reason
    }

    async fn message(&self) -> async_graphql::Result<String> {
        let text: Message = self.0.part()?;
        Ok(text.message.0)
    }

    /// How often it was seen.
    async fn count(&self) -> i32 {
        self.0.entry.columns.count
    }

    async fn first_timestamp(&self) -> Option<DateTime> {
        self.0.entry.columns.first.map(DateTime)
    }

    async fn last_timestamp(&self) -> Option<DateTime> {
        self.0.entry.columns.last.map(DateTime)
    }

    /// Who reports it, such as `kubelet`.
    async fn source(&self) -> &str {
        &self.0.entry.columns.source
    }

    /// The object that it is about, by its name alone if it can't be seen or is gone.
    async fn involved_object(&self, ctx: &Context<'_>) -> async_graphql::Result<AnyResource> {
        let entry = &self.0.entry;
        let (kind, name) = entry.columns.regarding();
        let api_version = &entry.columns.regarding_api_version;
        let namespace = &entry.columns.regarding_namespace;
        AnyResource::find_or_name(ctx, &entry.cluster, kind, api_version, namespace, name).await
    }
}
