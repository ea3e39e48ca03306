//! What operators see of the traffic to a cluster.

use cluster_registry::connection::ClusterSpec;
use fleetgraph_core::ClusterId;
use opentelemetry::{KeyValue, global};
use opentelemetry_sdk::metrics::{
    InMemoryMetricExporter, SdkMeterProvider,
    data::{AggregatedMetrics, MetricData, ResourceMetrics},
};

use crate::support::{Peer, answer, ask, by_url, open};

/// The counts of a metric for one cluster, by its other labels.
fn counts(exported: &[ResourceMetrics], name: &str, cluster: &str) -> Vec<(Vec<String>, u64)> {
    fn labels<'a>(all: impl Iterator<Item = &'a KeyValue>, cluster: &str) -> Option<Vec<String>> {
        let (ours, mut others): (Vec<_>, Vec<_>) = all.partition(|label| label.key.as_str() == "cluster");
        others.sort_by(|a, b| a.key.cmp(&b.key));
        let is_ours = ours.first().is_some_and(|label| label.value.as_str() == cluster);
        is_ours.then(|| others.iter().map(|label| label.value.as_str().into_owned()).collect())
    }
    let mut found = Vec::new();
    // The last export has the latest of the cumulative numbers.
    let last = exported.last().unwrap();
    for metric in
        last.scope_metrics().flat_map(|scope| scope.metrics()).filter(|metric| metric.name() == name)
    {
        match metric.data() {
            AggregatedMetrics::U64(MetricData::Sum(sum)) => {
                found.extend(
                    sum.data_points().map(|point| (labels(point.attributes(), cluster), point.value())),
                );
            }
            AggregatedMetrics::U64(MetricData::Gauge(gauge)) => {
                found.extend(
                    gauge.data_points().map(|point| (labels(point.attributes(), cluster), point.value())),
                );
            }
            AggregatedMetrics::F64(MetricData::Histogram(times)) => {
                found.extend(
                    times.data_points().map(|point| (labels(point.attributes(), cluster), point.count())),
                );
            }
            other => panic!("{name} is {other:?}"),
        }
    }
    found.into_iter().filter_map(|(labels, count)| Some((labels?, count))).collect()
}

fn named(spec: ClusterSpec, id: &str) -> ClusterSpec {
    ClusterSpec { id: ClusterId::new(id).unwrap(), ..spec }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_times_waits_and_the_breaker_are_counted_by_cluster() {
    let exporter = InMemoryMetricExporter::default();
    let provider = SdkMeterProvider::builder().with_periodic_exporter(exporter.clone()).build();
    global::set_meter_provider(provider.clone());

    let forbidding = Peer::answering(|| answer(403, "application/json", r#"{"code":403}"#)).await;
    let connection = open(named(by_url(&forbidding.url), "counted")).await;
    connection.first_health().await;
    for _ in 0..3 {
        ask(&connection).await.unwrap_err();
    }
    connection.close().await;
    let dead = open(named(by_url("http://127.0.0.1:1"), "dead")).await;
    for _ in 0..6 {
        ask(&dead).await.unwrap_err();
    }
    crate::support::eventually("the open breaker is shown", async || {
        provider.force_flush().unwrap();
        let exported = exporter.get_finished_metrics().unwrap();
        counts(&exported, "fleetgraph.cluster.breaker.state", "dead") == [(vec![], 2)]
    })
    .await;

    let exported = exporter.get_finished_metrics().unwrap();
    let of = |name: &str, cluster: &str| counts(&exported, name, cluster);
    let label = |text: &str| text.to_owned();
    let requests = of("fleetgraph.cluster.requests", "counted");
    // Code before verb. The prober's are `get`s.
    assert!(requests.contains(&(vec![label("403"), label("list")], 3)), "{requests:?}");
    let times = of("fleetgraph.cluster.request.duration", "counted");
    assert!(times.contains(&(vec![label("list")], 3)), "{times:?}");
    assert_eq!(of("fleetgraph.cluster.throttle.duration", "counted"), [(vec![], 3)]);
    let failed = of("fleetgraph.cluster.requests", "dead");
    assert!(failed.iter().any(|(labels, _)| labels[0] == "CLUSTER_UNAVAILABLE"), "{failed:?}");
}
