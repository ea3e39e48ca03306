//! Random scripts over a few objects, replayable by their seed: `SIMCLUSTER_SEED=7` runs that one alone.

use futures::StreamExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::Pair;
use crate::script::*;

const SCRIPTS: u64 = 24;
const STEPS: usize = 40;

struct Author {
    random: StdRng,
    namespace: String,
}

impl Author {
    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of.choose(&mut self.random).copied().unwrap()
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    fn map(&mut self, name: &str) -> Value {
        let mut map = json!({"metadata": {"name": name}, "data": {"k": self.one(&["1", "2", "3"])}});
        if self.chance(60) {
            map["metadata"]["labels"] =
                json!({"color": self.one(&["red", "green"]), "n": self.one(&["1", "2", "10"])});
        }
        if self.chance(15) {
            map["metadata"]["finalizers"] = json!(["example.com/hold"]);
        }
        map
    }

    fn deployment(&mut self, name: &str) -> Value {
        let app = self.one(&["x", "y"]);
        json!({
            "metadata": {"name": name, "labels": {"color": self.one(&["red", "green"])}},
            "spec": {"replicas": self.random.random_range(0..4), "selector": {"matchLabels": {"app": app}}, "template": {
                "metadata": {"labels": {"app": self.one(&["x", "x", "y"])}},
                "spec": {"containers": [{"name": self.one(&["c", "d"]), "image": self.one(&["a:1", "b", "c:latest"])}]},
            }},
        })
    }

    fn step(&mut self) -> Step {
        let deployments = self.chance(40);
        let all = if deployments {
            format!("/apis/apps/v1/namespaces/{}/deployments", self.namespace)
        } else {
            format!("/api/v1/namespaces/{}/configmaps", self.namespace)
        };
        let name = self.one(&["a", "b", "c", "B!"]);
        let at = format!("{all}/{name}");
        let fresh = if deployments { self.deployment(name) } else { self.map(name) };
        match self.random.random_range(0..100) {
            0..25 => post(&all, fresh),
            25..35 => put(&at, fresh),
            35..50 => {
                let label = json!({"metadata": {"labels": {"color": self.one(&["red", "green", "blue"]), "n": null}}});
                let data = if deployments {
                    json!({"spec": {"replicas": self.random.random_range(0..4)}})
                } else {
                    json!({"data": {"k": self.one(&["1", "2"]), "x": null}})
                };
                let body = if self.chance(50) { label } else { data };
                if self.chance(50) { merge(&at, body) } else { strategic(&at, body) }
            }
            50..55 => json_patch(
                &at,
                json!([{"op": self.one(&["add", "replace", "remove"]), "path": self.one(&["/metadata/labels/color", "/data/k", "/metadata/labels"]), "value": "z"}]),
            ),
            55..60 => merge(&at, json!({"metadata": {"finalizers": null}})),
            60..65 if deployments => strategic(
                &at,
                json!({"spec": {"template": {"spec": {"containers": [{"name": self.one(&["c", "d", "e"]), "image": "p:2", "env": [{"name": "E", "value": "1"}]}]}}}}),
            ),
            60..65 => merge(&at, json!({"immutable": self.chance(20)})),
            65..75 => delete(&at),
            75..78 => delete(format!("{all}?labelSelector=color={}", self.one(&["red", "green"]))),
            78..84 => get(&at),
            84..90 => get(format!("{all}?limit={}", self.random.random_range(1..4))),
            90..94 => get(format!(
                "{all}?labelSelector={}",
                self.one(&["color=red", "color!=red", "n%3E1", "!color", "color%20in%20(red,blue)"])
            )),
            _ => watch(&format!(
                "{all}?resourceVersion={{rv}}&labelSelector={}",
                self.one(&["", "color=red", "color!=red", "n"])
            )),
        }
    }
}

fn script(seed: u64) -> Vec<Step> {
    let namespace = format!("generated-{seed}");
    let mut author = Author { random: StdRng::seed_from_u64(seed), namespace: namespace.clone() };
    let mut steps = vec![
        post("/api/v1/namespaces", json!({"metadata": {"name": namespace}}))
            .keep("rv", "/metadata/resourceVersion"),
    ];
    steps.extend((0..STEPS).map(|_| author.step()));
    for all in ["api/v1/namespaces/NS/configmaps", "apis/apps/v1/namespaces/NS/deployments"] {
        let all = format!("/{}", all.replace("NS", &namespace));
        steps.push(get(&all));
        steps.push(watch(&format!("{all}?resourceVersion={{rv}}")));
    }
    steps
}

pub async fn run(pair: &Pair) -> Vec<String> {
    let only = std::env::var("SIMCLUSTER_SEED").ok().and_then(|seed| seed.parse::<u64>().ok());
    let seeds = only.map_or(0..SCRIPTS, |seed| seed..seed + 1);
    // Each in a namespace of its own, so they may run beside each other: most of their time is watches waiting.
    let found = futures::stream::iter(seeds)
        .map(|seed| async move { pair.differences(&format!("generated, seed {seed}"), &script(seed)).await })
        .buffered(8)
        .collect::<Vec<_>>()
        .await;
    found.concat()
}
