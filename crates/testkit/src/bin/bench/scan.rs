//! The reference of searches and counts: to go once over the same bytes, the API server's JSON list, held in memory. It
//! stands for as many clusters as are searched, since they all have that list.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use kube::Client;
use memchr::memmem;
use serde::Deserialize;

use crate::api::{self, PODS};

pub struct Bytes {
    list: Vec<u8>,
    clusters: usize,
}

/// What one field of each pod is read into. Everything else is passed over.
#[derive(Deserialize)]
struct List<T> {
    items: Vec<Item<T>>,
}

#[derive(Deserialize)]
struct Item<T> {
    metadata: T,
}

#[derive(Deserialize)]
pub struct Namespace<'a> {
    pub namespace: &'a str,
}

#[derive(Deserialize)]
pub struct Created<'a> {
    #[serde(rename = "creationTimestamp")]
    pub created: &'a str,
}

impl Bytes {
    pub async fn read(client: &Client, clusters: usize) -> Result<Self> {
        Ok(Self { list: api::get(client, PODS).await?.bytes(), clusters })
    }

    /// Of all clusters.
    pub fn len(&self) -> usize {
        self.list.len() * self.clusters
    }

    /// Times of a search for a text, exactly as it is written, by the vector instructions of the processor. Gives how
    /// often it is there as well.
    pub fn find(&self, text: &str, times: usize) -> (Vec<Duration>, usize) {
        let finder = memmem::Finder::new(text);
        let mut found = 0;
        let took = timed(times, || {
            found = (0..self.clusters).map(|_| finder.find_iter(black_box(&self.list)).count()).sum();
        });
        (took, found)
    }

    /// Times of reading one field of each pod's metadata. `look` gets those of one cluster at a time.
    pub fn fields<'a, T: Deserialize<'a>>(
        &'a self,
        times: usize,
        mut look: impl FnMut(&mut dyn Iterator<Item = T>),
    ) -> Result<Vec<Duration>> {
        let mut read = Ok(());
        let took = timed(times, || {
            for _ in 0..self.clusters {
                match serde_json::from_slice::<List<T>>(black_box(&self.list)) {
                    Ok(list) => look(&mut list.items.into_iter().map(|item| item.metadata)),
                    Err(error) => read = Err(error),
                }
            }
        });
        read.context("reading the API server's list of pods")?;
        Ok(took)
    }
}

fn timed(times: usize, mut run: impl FnMut()) -> Vec<Duration> {
    let one = |_| {
        let begun = Instant::now();
        run();
        begun.elapsed()
    };
    (0..times).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_clusters_are_gone_through() {
        let list = r#"{"kind":"PodList","items":[{"metadata":{"namespace":"a","name":"x","creationTimestamp":"2026-01-01T00:00:00Z"},
            "spec":{"nodeName":"n"}},{"metadata":{"namespace":"b","name":"xx","creationTimestamp":"2026-01-02T00:00:00Z"}}]}"#;
        let bytes = Bytes { list: list.as_bytes().to_vec(), clusters: 3 };
        assert_eq!(bytes.len(), 3 * list.len());
        let (took, found) = bytes.find(r#""name":"x"#, 2);
        assert_eq!((took.len(), found), (2, 6));
        let mut namespaces = Vec::new();
        bytes.fields(1, |pods| namespaces.extend(pods.map(|pod: Namespace<'_>| pod.namespace))).unwrap();
        assert_eq!(namespaces, ["a", "b", "a", "b", "a", "b"]);
    }
}
