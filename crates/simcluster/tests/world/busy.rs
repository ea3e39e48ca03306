//! The churn: a true rate, a bounded fleet, nothing left behind, the same moves for the same seed.

use simcluster::controllers::{Churn, ChurnOptions, ControllerOptions};
use simcluster::world::{World, WorldOptions};

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
