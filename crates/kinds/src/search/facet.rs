//! Counts by a property: what a dashboard's overview is made of.

use std::{cmp::Reverse, collections::HashMap};

use async_graphql::SimpleObject;
use cluster_registry::AnyEntry;
use fleetgraph_core::{HealthState, Text};

/// What is counted by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FacetBy {
    Cluster,
    Kind,
    Namespace,
    Health,
    /// Each image of an object counts.
    Image,
    /// The value of a label.
    Label(String),
}

/// How many objects have a value.
#[derive(SimpleObject, Debug, Clone, PartialEq, Eq)]
#[graphql(name = "FacetCount")]
pub struct Count {
    /// The cluster's id, the kind, the namespace, the health, the image, or the label's value.
    pub value: String,
    pub count: usize,
}

/// Counts while objects go by.
pub struct Counts {
    by: FacetBy,
    counts: HashMap<String, usize>,
}

impl Counts {
    pub fn new(by: FacetBy) -> Self {
        Self { by, counts: HashMap::new() }
    }

    pub fn add(&mut self, entry: &dyn AnyEntry) {
        let counts = &mut self.counts;
        match &self.by {
            FacetBy::Cluster => one(counts, entry.cluster().as_str()),
            FacetBy::Kind => one(counts, entry.kind().kind),
            // A cluster-scoped object has none.
            FacetBy::Namespace if entry.meta().namespace.is_empty() => {}
            FacetBy::Namespace => one(counts, &entry.meta().namespace),
            FacetBy::Health => one(counts, health_word(entry.health().state)),
            FacetBy::Image => entry.texts(&mut |text| {
                if let Text::Image(image) = text {
                    one(counts, image);
                }
            }),
            FacetBy::Label(key) => {
                if let Some(value) = entry.meta().labels.get(key) {
                    one(counts, value);
                }
            }
        }
    }

    /// The most frequent first, equals by their value.
    pub fn sorted(self) -> Vec<Count> {
        let mut counts: Vec<Count> =
            self.counts.into_iter().map(|(value, count)| Count { value, count }).collect();
        counts.sort_unstable_by(|a, b| (Reverse(a.count), &a.value).cmp(&(Reverse(b.count), &b.value)));
        counts
    }
}

fn one(counts: &mut HashMap<String, usize>, value: &str) {
    // A value is copied once, not once an object.
    match counts.get_mut(value) {
        Some(count) => *count += 1,
        None => {
            counts.insert(value.to_owned(), 1);
        }
    }
}

/// As GraphQL writes it.
fn health_word(state: HealthState) -> &'static str {
    match state {
        HealthState::Healthy => "HEALTHY",
        HealthState::Suspended => "SUSPENDED",
        HealthState::Progressing => "PROGRESSING",
        HealthState::Unknown => "UNKNOWN",
        HealthState::Missing => "MISSING",
        HealthState::Degraded => "DEGRADED",
    }
}
