//! Cron jobs.

use std::sync::Arc;

use async_graphql::{Context, InputObject, Object};
use cluster_registry::Matches;
use fleetgraph_core::{
    Health, IndexKey, Istr, Kind, KindMeta, Meta, Relation, Text as SearchText, Timestamp,
};
use serde::Deserialize;

use crate::{
    filter::{Filter, ResourceFilter},
    job::Job,
    pod_template::{
        FromTemplate, PodTemplateSpec, TemplateColumns, TemplateOwner, TemplateRelations, Templated,
        template_relations,
    },
    resource::{self, InNamespace, Resource, ResourceKind},
    scalars::{DateTime, Int64},
    text::{List, Part},
    viewer,
};

pub const USES: TemplateRelations = template_relations!("cronJob", "spec.jobTemplate.spec.template.spec");

/// Jobs by the clock.
pub enum CronJob {}

/// What lists, filters and relations of cron jobs need.
pub struct Columns {
    suspended: bool,
    /// Whether there is a status.
    observed: bool,
    schedule: Istr,
    time_zone: Istr,
    active: Box<[Istr]>,
    last_schedule: Option<Timestamp>,
    last_success: Option<Timestamp>,
    template: TemplateColumns,
}

#[derive(Deserialize)]
struct Text<'a> {
    #[serde(borrow, default)]
    spec: Part<Spec<'a>>,
    #[serde(default)]
    status: Option<Status>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Spec<'a> {
    #[serde(default)]
    suspend: Option<bool>,
    #[serde(default)]
    schedule: Part<Istr>,
    #[serde(default)]
    time_zone: Part<Istr>,
    #[serde(default)]
    concurrency_policy: Option<String>,
    #[serde(default)]
    starting_deadline_seconds: Option<i64>,
    #[serde(default)]
    successful_jobs_history_limit: Option<i32>,
    #[serde(default)]
    failed_jobs_history_limit: Option<i32>,
    #[serde(borrow, default)]
    job_template: Part<JobTemplate<'a>>,
}

#[derive(Deserialize, Default)]
struct JobTemplate<'a> {
    #[serde(borrow, default)]
    spec: Part<TemplateOwner<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default)]
    active: List<ActiveJob>,
    #[serde(default)]
    last_schedule_time: Option<Timestamp>,
    #[serde(default)]
    last_successful_time: Option<Timestamp>,
}

#[derive(Deserialize)]
struct ActiveJob {
    #[serde(default)]
    name: Part<Istr>,
}

impl Kind for CronJob {
    const META: KindMeta = KindMeta {
        group: "batch",
        version: "v1",
        kind: "CronJob",
        plural: "cronjobs",
        singular: "cronjob",
        namespaced: true,
        rules: &[],
    };

    type Columns = Columns;

    fn columns(object: &str) -> Result<Columns, serde_json::Error> {
        let text: Text<'_> = serde_json::from_str(object)?;
        let (spec, observed) = (text.spec.0, text.status.is_some());
        let status = text.status.unwrap_or_default();
        Ok(Columns {
            suspended: spec.suspend.unwrap_or(false),
            observed,
            schedule: spec.schedule.0,
            time_zone: spec.time_zone.0,
            active: status.active.into_iter().map(|job| job.name.0).collect(),
            last_schedule: status.last_schedule_time,
            last_success: status.last_successful_time,
            template: TemplateColumns::new(&spec.job_template.spec.template, &USES),
        })
    }

    /// As Argo CD judges cron jobs: a run failed for sure only if none is active and the last that succeeded was an
    /// earlier one. One that never succeeded may not have ended yet.
    fn health(columns: &Columns) -> Health {
        if columns.suspended {
            return Health::suspended("Suspended");
        }
        if !columns.observed {
            return Health::progressing("Pending");
        }
        match (columns.last_schedule, columns.last_success) {
            (Some(schedule), Some(success)) if columns.active.is_empty() && success < schedule => {
                Health::degraded("LastJobFailed")
            }
            _ => Health::healthy(),
        }
    }

    fn texts<'a>(columns: &'a Columns, emit: &mut dyn FnMut(SearchText<'a>)) {
        columns.template.emit_images(emit);
    }

    const RELATIONS: &'static [Relation] = &USES.all();

    fn references<'a>(meta: &'a Meta, columns: &'a Columns, emit: &mut dyn FnMut(IndexKey<'a>)) {
        columns.template.emit_references(meta, emit);
    }
}

impl ResourceKind for CronJob {
    type Detail = CronJobDetail;
    type Placement = InNamespace;
    type Filter = CronJobFilter;
}

impl Templated for CronJob {
    const USES: &'static TemplateRelations = &USES;

    fn template(columns: &Columns) -> &TemplateColumns {
        &columns.template
    }

    fn template_spec(object: &resource::Object<Self>) -> async_graphql::Result<PodTemplateSpec> {
        let text: Text<'_> = object.part()?;
        Ok(text.spec.0.job_template.0.spec.0.template.0.into())
    }
}

/// What cron jobs can be filtered by. All conditions must hold.
#[derive(InputObject, Default, Clone)]
pub struct CronJobFilter {
    #[graphql(flatten)]
    common: ResourceFilter,
    /// Whether the schedule is stopped for now.
    suspend: Option<bool>,
    /// Whether jobs run now.
    active: Option<bool>,
}

impl Filter<CronJob> for CronJobFilter {
    fn common(&self) -> &ResourceFilter {
        &self.common
    }

    fn own(&self) -> Option<Matches<CronJob>> {
        let (suspend, active) = (self.suspend, self.active);
        (suspend.is_some() || active.is_some()).then(|| -> Matches<CronJob> {
            Box::new(move |cron_job| {
                let columns = &cron_job.columns;
                suspend.is_none_or(|suspend| columns.suspended == suspend)
                    && active.is_none_or(|active| columns.active.is_empty() != active)
            })
        })
    }
}

/// A cron job's own fields.
pub struct CronJobDetail(Arc<resource::Object<CronJob>>);

impl From<Arc<resource::Object<CronJob>>> for CronJobDetail {
    fn from(object: Arc<resource::Object<CronJob>>) -> Self {
        Self(object)
    }
}

impl CronJobDetail {
    fn columns(&self) -> &Columns {
        &self.0.entry.columns
    }

    fn text(&self) -> async_graphql::Result<Text<'_>> {
        self.0.part()
    }
}

#[Object]
impl CronJobDetail {
    /// When jobs are made, in cron's syntax.
    async fn schedule(&self) -> &str {
        &self.columns().schedule
    }

    /// The time zone of the schedule, such as `Europe/Vienna`; null for that of the cluster's controller.
    async fn time_zone(&self) -> Option<&str> {
        Some(&*self.columns().time_zone).filter(|zone| !zone.is_empty())
    }

    /// Whether the schedule is stopped for now.
    async fn suspend(&self) -> bool {
        self.columns().suspended
    }

    /// `Allow`, `Forbid` or `Replace`: what happens if it is time while a job still runs.
    async fn concurrency_policy(&self) -> async_graphql::Result<String> {
        Ok(self.text()?.spec.0.concurrency_policy.unwrap_or_else(|| "Allow".to_owned()))
    }

    /// Seconds that a job may be made late; null for any.
    async fn starting_deadline_seconds(&self) -> async_graphql::Result<Option<Int64>> {
        Ok(self.text()?.spec.starting_deadline_seconds.map(Int64))
    }

    /// How many jobs that succeeded are kept.
    async fn successful_jobs_history_limit(&self) -> async_graphql::Result<i32> {
        Ok(self.text()?.spec.successful_jobs_history_limit.unwrap_or(3))
    }

    /// How many jobs that failed are kept.
    async fn failed_jobs_history_limit(&self) -> async_graphql::Result<i32> {
        Ok(self.text()?.spec.failed_jobs_history_limit.unwrap_or(1))
    }

    /// How many jobs run now.
    async fn active(&self) -> usize {
        self.columns().active.len()
    }

    /// When it was last time for a job.
    async fn last_schedule_time(&self) -> Option<DateTime> {
        self.columns().last_schedule.map(DateTime)
    }

    /// When a job last succeeded.
    async fn last_successful_time(&self) -> Option<DateTime> {
        self.columns().last_success.map(DateTime)
    }

    /// The jobs that the cron job owns, ended ones included.
    async fn jobs(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<Job>>> {
        viewer::owned(ctx, &self.0.entry).await
    }

    /// The jobs that run now, by the cron job's status.
    async fn active_jobs(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<Job>>> {
        let entry = &self.0.entry;
        let names = entry.columns.active.iter().map(|name| (&*entry.meta.namespace, &**name));
        viewer::get_each(ctx, &entry.cluster, names).await
    }

    #[graphql(flatten)]
    async fn templated(&self) -> FromTemplate<CronJob> {
        FromTemplate::new(&self.0)
    }
}
