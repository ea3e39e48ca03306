//! Jobs.

use std::{borrow::Cow, sync::Arc};

use async_graphql::{Context, Enum, InputObject, Object};
use cluster_registry::Matches;
use fleetgraph_core::{
    Health, HealthState, IndexKey, Kind, KindMeta, Meta, Relation, Text as SearchText, Timestamp,
};
use serde::Deserialize;

use crate::{
    conditions::{Condition, ConditionText},
    cron_job::CronJob,
    filter::{Filter, ResourceFilter},
    label_selector::{LabelSelector, SelectorText},
    pod::Pod,
    pod_template::{
        FromTemplate, TemplateColumns, TemplateRelations, TemplateText, Templated, template_relations,
    },
    resource::{self, InNamespace, Resource, ResourceKind},
    scalars::{DateTime, Int64},
    text::{List, Part},
    viewer,
};

pub const USES: TemplateRelations = template_relations!("job", "spec.template.spec");

/// Pods that run to an end.
pub enum Job {}

/// What lists, filters and relations of jobs need.
pub struct Columns {
    state: JobState,
    suspended: bool,
    active: i32,
    succeeded: i32,
    failed: i32,
    completions: Option<i32>,
    started: Option<Timestamp>,
    completed: Option<Timestamp>,
    health: Health,
    template: TemplateColumns,
}

/// Where a job is in its life, by its conditions.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// Pods run, or will.
    Running,
    /// It has no pods until it is resumed.
    Suspended,
    /// It has come to its end.
    Complete,
    /// It won't be tried again.
    Failed,
}

#[derive(Deserialize)]
struct Text<'a> {
    #[serde(borrow, default)]
    spec: Part<Spec<'a>>,
    #[serde(default)]
    status: Part<Status>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Spec<'a> {
    #[serde(default)]
    suspend: Option<bool>,
    #[serde(default)]
    completions: Option<i32>,
    #[serde(default)]
    parallelism: Option<i32>,
    #[serde(default)]
    completion_mode: Option<String>,
    #[serde(default)]
    backoff_limit: Option<i32>,
    #[serde(default)]
    active_deadline_seconds: Option<i64>,
    #[serde(default)]
    ttl_seconds_after_finished: Option<i32>,
    #[serde(default)]
    selector: Part<SelectorText>,
    #[serde(borrow, default)]
    template: Part<TemplateText<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default)]
    active: Option<i32>,
    #[serde(default)]
    ready: Option<i32>,
    #[serde(default)]
    succeeded: Option<i32>,
    #[serde(default)]
    failed: Option<i32>,
    #[serde(default)]
    terminating: Option<i32>,
    #[serde(default)]
    completed_indexes: Option<String>,
    #[serde(default)]
    failed_indexes: Option<String>,
    #[serde(default)]
    start_time: Option<Timestamp>,
    #[serde(default)]
    completion_time: Option<Timestamp>,
    #[serde(default)]
    conditions: List<ConditionText>,
}

impl Status {
    fn holds(&self, kind: &str) -> Option<&ConditionText> {
        self.conditions.iter().find(|condition| condition.kind == kind && condition.status == "True")
    }
}

impl Text<'_> {
    /// As Argo CD judges jobs; but one that was suspended and is resumed runs, where Argo CD calls it healthy.
    fn state(&self) -> (JobState, Health) {
        let status = &*self.status;
        if let Some(failed) = status.holds("Failed") {
            (JobState::Failed, Health::degraded(failed.reason.as_deref().unwrap_or("Failed")))
        } else if status.holds("Complete").is_some() {
            (JobState::Complete, Health::new(HealthState::Healthy, "Completed"))
        } else if self.spec.suspend.unwrap_or(false) || status.holds("Suspended").is_some() {
            (JobState::Suspended, Health::suspended("Suspended"))
        } else {
            let running = status.active.unwrap_or(0) > 0;
            (JobState::Running, Health::progressing(if running { "Running" } else { "Pending" }))
        }
    }
}

impl Kind for Job {
    const META: KindMeta = KindMeta {
        group: "batch",
        version: "v1",
        kind: "Job",
        plural: "jobs",
        singular: "job",
        namespaced: true,
        rules: &[],
    };

    type Columns = Columns;

    fn columns(object: &str) -> Result<Columns, serde_json::Error> {
        let text: Text<'_> = serde_json::from_str(object)?;
        let (state, health) = text.state();
        Ok(Columns {
            state,
            health,
            suspended: text.spec.suspend.unwrap_or(false),
            active: text.status.active.unwrap_or(0),
            succeeded: text.status.succeeded.unwrap_or(0),
            failed: text.status.failed.unwrap_or(0),
            completions: text.spec.completions,
            started: text.status.start_time,
            completed: text.status.completion_time,
            template: TemplateColumns::new(&text.spec.template, &USES),
        })
    }

    fn health(columns: &Columns) -> Health {
        columns.health.clone()
    }

    fn texts<'a>(columns: &'a Columns, emit: &mut dyn FnMut(SearchText<'a>)) {
        columns.template.emit_images(emit);
    }

    const RELATIONS: &'static [Relation] = &USES.all();

    fn references<'a>(meta: &'a Meta, columns: &'a Columns, emit: &mut dyn FnMut(IndexKey<'a>)) {
        columns.template.emit_references(meta, emit);
    }

    const FIELDS: &'static [&'static str] = &["status.successful"];

    fn field<'a>(columns: &'a Columns, _: &str) -> Cow<'a, str> {
        Cow::Owned(columns.succeeded.to_string())
    }
}

impl ResourceKind for Job {
    type Detail = JobDetail;
    type Placement = InNamespace;
    type Filter = JobFilter;

    /// What ended the job, or stopped it.
    fn state(object: &resource::Object<Self>) -> (Option<String>, Option<String>) {
        let Ok(text) = object.part::<Text<'_>>() else { return (None, None) };
        let status = text.status.0;
        match ["Failed", "Complete", "Suspended"].into_iter().find_map(|kind| status.holds(kind)) {
            Some(condition) => (condition.reason.clone(), condition.message.clone()),
            None => (None, None),
        }
    }
}

impl Templated for Job {
    const USES: &'static TemplateRelations = &USES;

    fn template(columns: &Columns) -> &TemplateColumns {
        &columns.template
    }
}

/// What jobs can be filtered by. All conditions must hold.
#[derive(InputObject, Default, Clone)]
pub struct JobFilter {
    #[graphql(flatten)]
    common: ResourceFilter,
    /// Any of these states.
    state: Option<Vec<JobState>>,
}

impl Filter<Job> for JobFilter {
    fn common(&self) -> &ResourceFilter {
        &self.common
    }

    fn own(&self) -> Option<Matches<Job>> {
        let states = self.state.clone()?;
        Some(Box::new(move |job| states.contains(&job.columns.state)))
    }
}

/// A job's own fields.
pub struct JobDetail(Arc<resource::Object<Job>>);

impl From<Arc<resource::Object<Job>>> for JobDetail {
    fn from(object: Arc<resource::Object<Job>>) -> Self {
        Self(object)
    }
}

impl JobDetail {
    fn columns(&self) -> &Columns {
        &self.0.entry.columns
    }

    fn text(&self) -> async_graphql::Result<Text<'_>> {
        self.0.part()
    }
}

#[Object]
impl JobDetail {
    async fn state(&self) -> JobState {
        self.columns().state
    }

    /// Whether the job may have no pods for now.
    async fn suspend(&self) -> bool {
        self.columns().suspended
    }

    /// How many pods must succeed; null if any that does is enough.
    async fn completions(&self) -> Option<i32> {
        self.columns().completions
    }

    /// How many pods may run at a time.
    async fn parallelism(&self) -> async_graphql::Result<i32> {
        Ok(self.text()?.spec.parallelism.unwrap_or(1))
    }

    /// `NonIndexed` or `Indexed`: whether each pod has an index, of which each must succeed.
    async fn completion_mode(&self) -> async_graphql::Result<String> {
        Ok(self.text()?.spec.0.completion_mode.unwrap_or_else(|| "NonIndexed".to_owned()))
    }

    /// How many pods may fail before the job does.
    async fn backoff_limit(&self) -> async_graphql::Result<Option<i32>> {
        Ok(self.text()?.spec.backoff_limit)
    }

    /// Seconds after which the job fails; null if it may run forever.
    async fn active_deadline_seconds(&self) -> async_graphql::Result<Option<Int64>> {
        Ok(self.text()?.spec.active_deadline_seconds.map(Int64))
    }

    /// Seconds after its end until the job is deleted; null if it is kept.
    async fn ttl_seconds_after_finished(&self) -> async_graphql::Result<Option<i32>> {
        Ok(self.text()?.spec.ttl_seconds_after_finished)
    }

    async fn selector(&self) -> async_graphql::Result<LabelSelector> {
        Ok(self.text()?.spec.0.selector.0.into())
    }

    /// Pods that run or wait to.
    async fn active(&self) -> i32 {
        self.columns().active
    }

    /// Active pods that are ready.
    async fn ready(&self) -> async_graphql::Result<i32> {
        Ok(self.text()?.status.ready.unwrap_or(0))
    }

    async fn succeeded(&self) -> i32 {
        self.columns().succeeded
    }

    async fn failed(&self) -> i32 {
        self.columns().failed
    }

    /// Pods that are being deleted.
    async fn terminating(&self) -> async_graphql::Result<i32> {
        Ok(self.text()?.status.terminating.unwrap_or(0))
    }

    /// The indexes that succeeded, such as `1,3-5`; null unless the job is `Indexed`.
    async fn completed_indexes(&self) -> async_graphql::Result<Option<String>> {
        Ok(self.text()?.status.0.completed_indexes)
    }

    /// The indexes that failed, where each may fail on its own.
    async fn failed_indexes(&self) -> async_graphql::Result<Option<String>> {
        Ok(self.text()?.status.0.failed_indexes)
    }

    /// When the controller took up the job, or resumed it.
    async fn start_time(&self) -> Option<DateTime> {
        self.columns().started.map(DateTime)
    }

    /// When the job succeeded.
    async fn completion_time(&self) -> Option<DateTime> {
        self.columns().completed.map(DateTime)
    }

    async fn conditions(&self) -> async_graphql::Result<Vec<Condition>> {
        Ok(self.text()?.status.0.conditions.into_iter().map(Into::into).collect())
    }

    /// The cron job that owns the job, if one does and can be seen.
    async fn cron_job(&self, ctx: &Context<'_>) -> Option<async_graphql::Result<Resource<CronJob>>> {
        viewer::controller(ctx, &self.0.entry).await.transpose()
    }

    /// The pods that the job owns.
    async fn pods(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<Pod>>> {
        viewer::owned(ctx, &self.0.entry).await
    }

    #[graphql(flatten)]
    async fn templated(&self) -> FromTemplate<Job> {
        FromTemplate::new(&self.0)
    }
}
