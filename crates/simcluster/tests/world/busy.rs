//! The churn: a true rate, a bounded fleet, nothing left behind, the same moves for the same seed.

use simcluster::controllers::{Churn, ChurnOptions, ControllerOptions};
use simcluster::world::{World, WorldOptions};
use simcluster::{Cluster, DeleteOptions, Faults, ListOptions, WriteOptions};

use crate::everything::Everything;
use crate::references;

const START: i64 = 1_763_000_000;

fn world(clusters: usize, objects: usize) -> World {
    let world = World::new(&WorldOptions { start: START, ..WorldOptions::new(clusters, objects, 9) });
    for cluster in world.clusters() {
        cluster.clock().freeze_at_ms(START * 1_000);
    }
    world
}

#[test]
fn a_busy_fleet_keeps_its_rate_its_size_and_its_references_for_every_seed() {
    for seed in 1..=3 {
        let world = world(4, 4_000);
        let churn = ChurnOptions { per_second: 40.0, seed };
        let mut engine = Churn::engine(&world, churn, ControllerOptions::default());
        engine.advance(10_000);
        let before = engine.changes();
        engine.advance(240_000);
        let rate = (engine.changes() - before) as f64 / 240.0;
        assert!((34.0..46.0).contains(&rate), "seed {seed}: {rate} a second");
        let count = world.objects();
        assert!((3_600..5_000).contains(&count), "seed {seed}: {count} objects");
        // The people go home; what they began comes to its end.
        drop(engine);
        let mut engine = simcluster::controllers::Engine::new(world.clusters(), ControllerOptions::default());
        engine.advance(180_000);
        for cluster in world.clusters() {
            let faults = references::faults(&Everything::of(cluster));
            assert!(faults.is_empty(), "seed {seed}, {}: {}", cluster.name(), faults.join("\n"));
        }
    }
}

#[test]
fn the_same_seed_makes_the_same_moves() {
    let run = || {
        let world = world(2, 1_200);
        let churn = ChurnOptions { per_second: 30.0, seed: 4 };
        let mut engine = Churn::engine(&world, churn, ControllerOptions::default());
        engine.advance(60_000);
        world.clusters().iter().map(|cluster| format!("{:?}", Everything::of(cluster).of)).collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
}

#[test]
fn clocks_that_are_wrong_stop_no_controller() {
    let world = World::new(&WorldOptions::new(2, 600, 9));
    let [ahead, behind] = world.clusters() else { panic!("two clusters") };
    let options = ControllerOptions { lease_interval_ms: 20, ..ControllerOptions::default() };
    let mut engine = simcluster::controllers::Engine::new(world.clusters(), options);
    ahead.set_faults(Faults { clock_skew_ms: 60_000, ..Faults::default() });
    behind.set_faults(Faults { clock_skew_ms: -60_000, ..Faults::default() });
    let renewed = |cluster: &Cluster| cluster.changes()["leases.coordination.k8s.io"];
    let before = (renewed(ahead), renewed(behind));
    // Nothing is due without end, and nothing waits for a clock to catch up.
    for _ in 0..1_000 {
        engine.step();
        if renewed(ahead) > before.0 + 20 && renewed(behind) > before.1 + 20 {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    panic!("leases were renewed {} and {} times", renewed(ahead) - before.0, renewed(behind) - before.1);
}

#[test]
fn an_autoscaler_without_a_target_stops_nobody() {
    let world = world(1, 600);
    let cluster = &world.clusters()[0];
    let scaler = serde_json::json!({
        "metadata": {"name": "aimless"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "nobody"}, "maxReplicas": 3},
    });
    let scalers = cluster.resource("autoscaling", "v2", "horizontalpodautoscalers").unwrap();
    cluster.create(&scalers, "checkout", scaler, &WriteOptions::default()).unwrap();
    let mut engine =
        Churn::engine(&world, ChurnOptions { per_second: 40.0, seed: 1 }, ControllerOptions::default());
    let before = engine.changes();
    engine.advance(60_000);
    assert!(engine.changes() > before + 1_000);
}

#[test]
fn a_pod_that_may_take_for_ever_to_stop_stops_like_others() {
    let world = world(1, 600);
    let cluster = &world.clusters()[0];
    let mut engine = simcluster::controllers::Engine::new(world.clusters(), ControllerOptions::default());
    engine.advance(5_000);
    let pods = cluster.resource("", "v1", "pods").unwrap();
    let all = || cluster.list(&pods, &ListOptions::default()).unwrap().items;
    let patient = all().into_iter().find(|pod| &*pod.key.namespace == "checkout").unwrap();
    let options = DeleteOptions { grace: Some(i64::MAX), ..DeleteOptions::default() };
    cluster.delete(&pods, "checkout", &patient.key.name, &options).unwrap();
    engine.advance(10_000);
    assert!(all().iter().all(|pod| pod.uid != patient.uid));
}
