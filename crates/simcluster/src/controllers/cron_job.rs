//! Cron jobs, coarsely: of a schedule, the minutes and hours are read (`*`, `*/n`, numbers); the days are every day.

use serde_json::{Value, json};

use super::context::{Context, is_deleting, owner_of};
use super::task::Task;
use crate::cluster::{DeleteOptions, Propagation};
use crate::object::{Key, Uid};

const JOBS: &str = "jobs.batch";
const MINUTE: i64 = 60_000;

/// Whether a field of the schedule takes a value.
fn takes(field: &str, value: i64) -> bool {
    field.split(',').any(|part| match part.split_once('/') {
        Some(("*", step)) => step.parse::<i64>().is_ok_and(|step| step > 0 && value % step == 0),
        _ => part == "*" || part.parse() == Ok(value),
    })
}

/// The first minute after `after_ms` that the schedule names, within a day.
fn next_run(schedule: &str, after_ms: i64) -> Option<i64> {
    let mut fields = match schedule {
        "@hourly" => "0 * * * *",
        "@daily" | "@midnight" => "0 0 * * *",
        other => other,
    }
    .split_whitespace();
    let (minutes, hours) = (fields.next()?, fields.next()?);
    let first = after_ms.div_euclid(MINUTE) + 1;
    let fits = |minute: &i64| {
        takes(minutes, minute.rem_euclid(60)) && takes(hours, minute.div_euclid(60).rem_euclid(24))
    };
    (first..=first + 1440).find(fits).map(|minute| minute * MINUTE)
}

pub(super) fn reconcile(context: &mut Context<'_>, key: &Key) {
    let Some((object, cron)) = context.get("cronjobs.batch", key) else { return };
    if is_deleting(&cron) || cron["spec"]["suspend"] == true {
        return;
    }
    let schedule = cron["spec"]["schedule"].as_str().unwrap_or_default();
    // Missed runs are not made up for: what is due is due within the last minute.
    let Some(due) = next_run(schedule, context.now - MINUTE) else { return };
    let mut status = cron["status"].as_object().cloned().unwrap_or_default();
    let jobs = history(context, object.uid, &cron);
    let running = jobs.iter().any(|(_, job)| !is_done(job));
    let last = status
        .get("lastScheduleTime")
        .and_then(Value::as_str)
        .and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let forbidden = running && cron["spec"]["concurrencyPolicy"] == "Forbid";
    if due <= context.now && last.is_none_or(|last| last.as_millisecond() < due) && !forbidden {
        let template = &cron["spec"]["jobTemplate"];
        let mut metadata = template["metadata"].clone();
        metadata["name"] = json!(format!("{}-{}", key.name, due / MINUTE));
        metadata["ownerReferences"] = owner_of("batch/v1", "CronJob", &key.name, object.uid);
        metadata["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"] =
            json!(super::kubelet::seconds(due));
        context.create(JOBS, &key.namespace, json!({"metadata": metadata, "spec": template["spec"]}));
        status.insert("lastScheduleTime".to_owned(), json!(super::kubelet::seconds(due)));
    }
    let latest = jobs.iter().filter_map(|(_, job)| job["status"]["completionTime"].as_str()).max();
    if let Some(latest) = latest {
        status.insert("lastSuccessfulTime".to_owned(), json!(latest));
    }
    context.status("cronjobs.batch", key, &cron, Value::Object(status));
    if let Some(next) = next_run(schedule, context.now) {
        context.later(next - context.now + 1, Task::CronJob(key.clone()));
    }
}

fn is_done(job: &Value) -> bool {
    let conditions = job["status"]["conditions"].as_array().into_iter().flatten();
    conditions
        .into_iter()
        .any(|c| c["status"] == "True" && matches!(c["type"].as_str(), Some("Complete" | "Failed")))
}

/// Its jobs, after those beyond the limits have been deleted.
fn history(context: &mut Context<'_>, uid: Uid, cron: &Value) -> Vec<(Key, Value)> {
    let mut jobs: Vec<(Key, Value)> = context
        .index
        .owned_by(uid, JOBS)
        .into_iter()
        .filter_map(|job| Some((job.clone(), context.get(JOBS, &job)?.1)))
        .collect();
    jobs.sort_by(|a, b| {
        a.1["metadata"]["creationTimestamp"].as_str().cmp(&b.1["metadata"]["creationTimestamp"].as_str())
    });
    for (failed, limit, default) in
        [(false, "successfulJobsHistoryLimit", 3), (true, "failedJobsHistoryLimit", 1)]
    {
        let keep = usize::try_from(cron["spec"][limit].as_i64().unwrap_or(default)).unwrap_or(0);
        let of: Vec<Key> = jobs
            .iter()
            .filter(|(_, job)| is_done(job) && (job["status"].get("completionTime").is_none()) == failed)
            .map(|(key, _)| key.clone())
            .collect();
        for old in of.iter().take(of.len().saturating_sub(keep)) {
            let options =
                DeleteOptions { propagation: Some(Propagation::Background), ..DeleteOptions::default() };
            context.delete(JOBS, old, &options);
            jobs.retain(|(key, _)| key != old);
        }
    }
    jobs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_run_is_the_first_minute_that_the_schedule_names() {
        let at = |schedule: &str, minute: i64| next_run(schedule, minute * MINUTE).map(|ms| ms / MINUTE);
        assert_eq!(at("*/15 * * * *", 1), Some(15));
        assert_eq!(at("*/15 * * * *", 15), Some(30));
        assert_eq!(at("30 3 * * *", 0), Some(210));
        assert_eq!(at("0 3 * * *", 180), Some(180 + 1440));
        assert_eq!(at("@hourly", 59), Some(60));
        assert_eq!(at("nonsense", 0), None);
    }
}
