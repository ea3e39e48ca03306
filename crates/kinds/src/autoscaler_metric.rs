//! What autoscalers scale by. The API writes a metric's wish in the spec and its measure in the status, each in a
//! part that is named for its type:
//!
//! ```text
//!   { type: Resource, resource: { name, target } }          { type: Resource, resource: { name, current } }
//!   { type: Pods,     pods: { metric: { name }, target } }  …
//! ```

use async_graphql::SimpleObject;
use serde::Deserialize;

use crate::text::{List, Part};

/// A metric of the spec or of the status.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricText {
    #[serde(rename = "type", default)]
    kind: Part<String>,
    #[serde(default)]
    resource: Option<SourceText>,
    #[serde(default)]
    container_resource: Option<SourceText>,
    #[serde(default)]
    pods: Option<SourceText>,
    #[serde(default)]
    object: Option<SourceText>,
    #[serde(default)]
    external: Option<SourceText>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct SourceText {
    /// Of a resource; the other types have `metric`.
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    container: Option<String>,
    #[serde(default)]
    metric: Part<MetricName>,
    #[serde(default)]
    described_object: Option<DescribedObject>,
    #[serde(default)]
    target: Part<TargetText>,
    #[serde(default)]
    current: Option<HorizontalPodAutoscalerMetricValue>,
}

#[derive(Deserialize, Default)]
struct MetricName {
    #[serde(default)]
    name: Option<String>,
}

#[derive(Deserialize)]
struct DescribedObject {
    #[serde(default)]
    kind: Part<String>,
    #[serde(default)]
    name: Part<String>,
}

#[derive(Deserialize, Default)]
struct TargetText {
    #[serde(rename = "type", default)]
    kind: Part<String>,
    #[serde(flatten)]
    value: HorizontalPodAutoscalerMetricValue,
}

/// A metric that an autoscaler scales by.
#[derive(SimpleObject)]
pub struct HorizontalPodAutoscalerMetric {
    /// `Resource`, `ContainerResource`, `Pods`, `Object` or `External`.
    #[graphql(name = "type")]
    kind: String,
    /// The resource, such as `cpu`, or the metric's name.
    name: String,
    /// The container that a `ContainerResource` is measured of.
    container: Option<String>,
    /// What an `Object` metric is measured of, such as `Ingress/shop`.
    described_object: Option<String>,
    /// `Utilization`, `Value` or `AverageValue`: which of the target's values counts.
    target_type: String,
    target: HorizontalPodAutoscalerMetricValue,
    /// What was last measured; null if nothing was.
    current: Option<HorizontalPodAutoscalerMetricValue>,
}

/// A value of a metric. Amounts are Kubernetes quantities.
#[derive(SimpleObject, Deserialize, Clone, Default)]
#[serde(rename_all = "camelCase")]
pub struct HorizontalPodAutoscalerMetricValue {
    /// Percent of what the pods request, averaged over them.
    #[serde(default)]
    average_utilization: Option<i32>,
    /// An amount for each pod.
    #[serde(default)]
    average_value: Option<String>,
    /// An amount in all.
    #[serde(default)]
    value: Option<String>,
}

/// The metrics of a spec, with what the status says of each.
pub fn metrics(spec: &[MetricText], status: &List<MetricText>) -> Vec<HorizontalPodAutoscalerMetric> {
    let metric = |(index, metric): (usize, &MetricText)| {
        // The controller reports in the order of the spec; but the spec may have been changed since.
        let measured = status.get(index).filter(|measured| measured.identity() == metric.identity());
        metric.show(measured.and_then(|measured| measured.source()?.current.clone()))
    };
    spec.iter().enumerate().map(metric).collect()
}

impl MetricText {
    fn source(&self) -> Option<&SourceText> {
        [&self.resource, &self.container_resource, &self.pods, &self.object, &self.external]
            .into_iter()
            .find_map(Option::as_ref)
    }

    /// What tells one metric from another.
    fn identity(&self) -> (&str, &str, Option<&str>, Option<String>) {
        let source = self.source();
        let name = source.and_then(|source| source.name.as_ref().or(source.metric.name.as_ref()));
        let object = source.and_then(|source| source.described_object.as_ref());
        (
            &self.kind,
            name.map_or("", String::as_str),
            source.and_then(|source| source.container.as_deref()),
            object.map(|object| format!("{}/{}", *object.kind, *object.name)),
        )
    }

    fn show(&self, current: Option<HorizontalPodAutoscalerMetricValue>) -> HorizontalPodAutoscalerMetric {
        let (kind, name, container, described_object) = self.identity();
        let target = self.source().map(|source| &*source.target);
        HorizontalPodAutoscalerMetric {
            kind: kind.to_owned(),
            name: name.to_owned(),
            container: container.map(str::to_owned),
            described_object,
            target_type: target.map(|target| target.kind.0.clone()).unwrap_or_default(),
            target: target.map(|target| target.value.clone()).unwrap_or_default(),
            current,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> List<MetricText> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_metric_shows_its_target_and_what_was_measured() {
        let spec = list(
            r#"[{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":80}}},
                {"type":"Object","object":{"describedObject":{"apiVersion":"networking.k8s.io/v1","kind":"Ingress","name":"shop"},
                 "metric":{"name":"requests-per-second"},"target":{"type":"Value","value":"10k"}}}]"#,
        );
        let status = list(
            r#"[{"type":"Resource","resource":{"name":"cpu","current":{"averageUtilization":35,"averageValue":"87m"}}},
                {"type":""}]"#,
        );
        let shown = metrics(&spec, &status);
        assert_eq!((shown[0].kind.as_str(), shown[0].name.as_str()), ("Resource", "cpu"));
        assert_eq!(shown[0].target.average_utilization, Some(80));
        let current = shown[0].current.as_ref().unwrap();
        assert_eq!((current.average_utilization, current.average_value.as_deref()), (Some(35), Some("87m")));
        assert_eq!(shown[1].described_object.as_deref(), Some("Ingress/shop"));
        assert_eq!((shown[1].target_type.as_str(), shown[1].target.value.as_deref()), ("Value", Some("10k")));
        assert!(shown[1].current.is_none());
    }

    #[test]
    fn a_measure_of_another_metric_is_not_shown() {
        let spec = list(
            r#"[{"type":"Resource","resource":{"name":"memory","target":{"type":"AverageValue","averageValue":"1Gi"}}}]"#,
        );
        let status =
            list(r#"[{"type":"Resource","resource":{"name":"cpu","current":{"averageUtilization":35}}}]"#);
        assert!(metrics(&spec, &status)[0].current.is_none());
    }

    #[test]
    fn a_metric_of_a_type_that_nobody_knows_is_named_by_its_type() {
        let shown = metrics(&list(r#"[{"type":"Weather","weather":{}}]"#), &List::default());
        assert_eq!((shown[0].kind.as_str(), shown[0].name.as_str()), ("Weather", ""));
    }
}
