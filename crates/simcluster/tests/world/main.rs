//! The generator of fleets: the same seed gives the same world, all references hold, a real server accepts each object.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod busy;
mod everything;
#[path = "../kubectl/mod.rs"]
mod kubectl;
mod live;
mod real;
mod references;
mod terminal;

use everything::Everything;
use simcluster::world::{World, WorldOptions};

fn options(clusters: usize, objects: usize, seed: u64) -> WorldOptions {
    WorldOptions { start: 1_763_000_000, ..WorldOptions::new(clusters, objects, seed) }
}

#[test]
fn the_same_seed_gives_the_same_world_and_another_one_another() {
    let text = |seed: u64| -> Vec<String> {
        let world = World::new(&options(2, 1_400, seed));
        world.clusters().iter().map(|cluster| format!("{:?}", Everything::of(cluster).of)).collect()
    };
    assert_eq!(text(7), text(7));
    assert_ne!(text(7), text(8));
}

#[test]
fn a_world_has_exactly_the_objects_that_were_asked_for() {
    for (clusters, objects) in [(3, 2_000), (1, 1_000), (7, 5_003), (1, 10_000)] {
        let world = World::new(&options(clusters, objects, 3));
        assert_eq!(world.faults(), [""; 0]);
        assert_eq!(world.objects(), objects);
        let listed: usize = world.clusters().iter().map(|cluster| Everything::of(cluster).count()).sum();
        assert_eq!(listed, objects, "every kind is in the tests");
    }
}

#[test]
fn every_reference_holds() {
    for (clusters, objects, seed) in [(3, 2_000, 1), (4, 4_000, 2), (1, 6_000, 3)] {
        let world = World::new(&options(clusters, objects, seed));
        for cluster in world.clusters() {
            let faults = references::faults(&Everything::of(cluster));
            assert!(faults.is_empty(), "{}: {} faults\n{}", cluster.name(), faults.len(), faults.join("\n"));
        }
    }
}
