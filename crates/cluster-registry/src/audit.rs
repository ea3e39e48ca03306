//! Finds what a watch lost without a word. API servers, etcd and proxies have dropped watch events, and a restored
//! backup takes a cluster back in time; nothing on the watch says so.
//!
//! ```text
//!   copy before ─▶ list of metadata, page by page ─▶ suspects: not as listed, and not changed meanwhile
//!                                                        │ grace: the watch may be on its way
//!                                                        └ still as before: lost; the watch lists again
//! ```
//!
//! An object is the same if uid and version are equal, so that this holds whatever versions look like. After a backup was
//! restored, and written to until its versions caught up, an object may have both from two pasts; a repair compares
//! contents, so that one other difference is enough to find it. The list asks
//! for the newest state. Newer API servers answer that from the cache that feeds their watches as well: what such a cache
//! itself never heard, nobody can see before its server restarts.

use std::{
    borrow::Cow,
    collections::HashSet,
    hash::{BuildHasher, RandomState},
    sync::{Arc, OnceLock},
    time::Duration,
};

use fleetgraph_core::{ClusterId, Istr, KindMeta};
use http::{HeaderValue, Request, header};
use kube::api::ListParams;
use opentelemetry::{KeyValue, global, metrics::Counter};
use serde::Deserialize;
use tokio::{sync::Semaphore, time::sleep};

use crate::{
    observe::METADATA_LIST,
    raw::Raw,
    store::{AnyWriter, Versions},
};

const PAGE: u32 = 1000;
/// How long the watch may take to bring what the list has already.
const GRACE: Duration = Duration::from_secs(5);
/// What an audit found.
pub(crate) enum Finding {
    /// The copy is as the cluster is.
    Equal,
    /// Objects whose last change the watch did not bring.
    Lost(Vec<Suspect>),
    /// The cluster's versions are lower than those that it gave before: a backup was restored.
    WentBack,
}

/// An object, and its uid and version in the copy; `None` if it isn't there.
pub(crate) struct Suspect {
    pub namespace: Istr,
    pub name: Istr,
    known: Option<(Istr, Istr)>,
}

impl Suspect {
    fn new(namespace: &str, name: &str, known: Option<(&str, &str)>) -> Self {
        let known = known.map(|(uid, version)| (Istr::new(uid), Istr::new(version)));
        Self { namespace: Istr::new(namespace), name: Istr::new(name), known }
    }
}

/// Compares one kind of one cluster with what the cluster has.
pub(crate) struct Audit {
    client: kube::Client,
    /// Audits of the cluster that may list at the same time.
    places: Arc<Semaphore>,
    kind: &'static KindMeta,
    namespace: Option<String>,
    versions: Box<dyn Fn() -> Arc<dyn Versions> + Send + Sync>,
}

impl Audit {
    pub(crate) fn of(writer: &dyn AnyWriter, client: kube::Client, places: Arc<Semaphore>) -> Self {
        Self {
            client,
            places,
            kind: writer.kind(),
            namespace: writer.namespace().map(ToOwned::to_owned),
            versions: writer.versions(),
        }
    }

    /// Audits once.
    ///
    /// # Errors
    /// When the list can't be had. The watch, which needs the same right and the same cluster, says why.
    pub(crate) async fn run(self) -> Result<Finding, kube::Error> {
        let place = self.places.acquire().await;
        let mut comparison = Comparison::with((self.versions)());
        let mut position = None;
        loop {
            let text = self.client.request_text(self.page(position.take())?).await?;
            let page: Page<'_> = serde_json::from_str(&text).map_err(kube::Error::SerdeError)?;
            if comparison.goes_back(&page.metadata.resource_version) {
                return Ok(Finding::WentBack);
            }
            page.items.iter().flatten().for_each(|item| comparison.listed(&item.metadata));
            match page.metadata.next {
                Some(next) if !next.is_empty() => position = Some(next.into_owned()),
                _ => break,
            }
        }
        let mut suspects = comparison.suspects(&*(self.versions)());
        drop(place);
        if !suspects.is_empty() {
            sleep(GRACE).await;
            retain_unchanged(&mut suspects, &*(self.versions)());
        }
        Ok(if suspects.is_empty() { Finding::Equal } else { Finding::Lost(suspects) })
    }

    fn page(&self, position: Option<String>) -> Result<Request<Vec<u8>>, kube::Error> {
        let path = <Raw as kube::Resource>::url_path(&self.kind, self.namespace.as_deref());
        let params = ListParams { continue_token: position, ..ListParams::default().limit(PAGE) };
        let mut request = kube::core::Request::new(path).list(&params).map_err(kube::Error::BuildRequest)?;
        request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static(METADATA_LIST));
        Ok(request)
    }
}

/// A page of the list, as far as it is needed. What stands besides, such as `managedFields`, is skipped unread.
#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    metadata: PageMeta<'a>,
    /// Null where there are none.
    #[serde(borrow)]
    items: Option<Vec<Item<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageMeta<'a> {
    #[serde(borrow, default)]
    resource_version: Cow<'a, str>,
    #[serde(borrow, default, rename = "continue")]
    next: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    metadata: ItemMeta<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ItemMeta<'a> {
    #[serde(borrow, default)]
    namespace: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    uid: Cow<'a, str>,
    #[serde(borrow)]
    resource_version: Cow<'a, str>,
}

/// The copy as it was before the list, and how the list differs from it.
struct Comparison {
    before: Arc<dyn Versions>,
    /// Hashes of the names that are listed and in the copy. A collision hides one deletion from one audit: the next
    /// hashes otherwise.
    seen: HashSet<u64>,
    hasher: RandomState,
    different: Vec<Suspect>,
}

impl Comparison {
    fn with(before: Arc<dyn Versions>) -> Self {
        Self { before, seen: HashSet::new(), hasher: RandomState::new(), different: Vec::new() }
    }

    /// Whether the version of a list is lower than one that the copy has seen. Those that are no numbers can't be
    /// compared.
    fn goes_back(&self, listed: &str) -> bool {
        let number = |version: &str| version.parse::<u128>().ok().filter(|number| *number > 0);
        let highest = self.before.highest().and_then(number);
        number(listed).zip(highest).is_some_and(|(listed, highest)| listed < highest)
    }

    fn listed(&mut self, item: &ItemMeta<'_>) {
        let known = self.before.version(&item.namespace, &item.name);
        if known.is_some() {
            self.seen.insert(self.hasher.hash_one((&*item.namespace, &*item.name)));
        }
        if known != Some((&item.uid, &item.resource_version)) {
            self.different.push(Suspect::new(&item.namespace, &item.name, known));
        }
    }

    /// What differs and did not change meanwhile.
    fn suspects(mut self, meanwhile: &dyn Versions) -> Vec<Suspect> {
        let Self { before, seen, hasher, different } = &mut self;
        if seen.len() < before.len() {
            before.each(&mut |namespace, name, known| {
                if !seen.contains(&hasher.hash_one((namespace, name))) {
                    different.push(Suspect::new(namespace, name, Some(known)));
                }
            });
        }
        retain_unchanged(&mut self.different, meanwhile);
        self.different
    }
}

/// Leaves those that are in a later copy as they were.
fn retain_unchanged(suspects: &mut Vec<Suspect>, later: &dyn Versions) {
    suspects.retain(|suspect| {
        let known = suspect.known.as_ref().map(|(uid, version)| (&**uid, &**version));
        later.version(&suspect.namespace, &suspect.name) == known
    });
}

/// Counts an audit that came to its end, and what it found, for operators: a cluster or a proxy that loses changes has a
/// fault.
pub(crate) fn count(cluster: &ClusterId, audits: u64, lost: usize) {
    static COUNTERS: OnceLock<(Counter<u64>, Counter<u64>)> = OnceLock::new();
    let (done, found) = COUNTERS.get_or_init(|| {
        let meter = global::meter("fleetgraph");
        let done = meter
            .u64_counter("fleetgraph.watch.audits")
            .with_description("Audits of watches that came to their end")
            .build();
        let found = meter
            .u64_counter("fleetgraph.watch.lost_changes")
            .with_description("Changes that a watch did not bring, found by an audit and repaired")
            .build();
        (done, found)
    });
    let cluster = [KeyValue::new("cluster", cluster.as_str().to_owned())];
    done.add(audits, &cluster);
    found.add(lost as u64, &cluster);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::store::TakeVersion;

    type Objects = BTreeMap<(String, String), String>;

    struct Copy {
        objects: Objects,
        highest: Option<String>,
    }

    impl Versions for Copy {
        fn len(&self) -> usize {
            self.objects.len()
        }

        fn version(&self, namespace: &str, name: &str) -> Option<(&str, &str)> {
            self.objects.get(&(namespace.to_owned(), name.to_owned())).map(|both| both.split_at(1))
        }

        fn each(&self, take: &mut TakeVersion<'_>) {
            self.objects.iter().for_each(|((namespace, name), both)| take(namespace, name, both.split_at(1)));
        }

        fn highest(&self) -> Option<&str> {
            self.highest.as_deref()
        }
    }

    fn copy(objects: &Objects) -> Copy {
        Copy { objects: objects.clone(), highest: None }
    }

    fn objects() -> impl Strategy<Value = Objects> {
        // A uid and a version; few of all, so that copies have much in common.
        prop::collection::btree_map(("[ab]?", "[a-d]"), "[xy][1-3]", 0..8)
    }

    proptest! {
        #[test]
        fn what_the_list_has_otherwise_and_no_later_copy_changed_is_lost(
            before in objects(), listed in objects(), meanwhile in objects(), later in objects(),
        ) {
            let mut comparison = Comparison::with(Arc::new(copy(&before)));
            for ((namespace, name), both) in &listed {
                let (uid, version) = both.split_at(1);
                comparison.listed(&ItemMeta {
                    namespace: namespace.into(),
                    name: name.into(),
                    uid: uid.into(),
                    resource_version: version.into(),
                });
            }
            let mut lost = comparison.suspects(&copy(&meanwhile));
            retain_unchanged(&mut lost, &copy(&later));
            let mut lost: Vec<_> =
                lost.into_iter().map(|lost| (lost.namespace.to_string(), lost.name.to_string())).collect();
            lost.sort();

            let names: std::collections::BTreeSet<_> = before.keys().chain(listed.keys()).cloned().collect();
            let expected: Vec<_> = names
                .into_iter()
                .filter(|name| {
                    let known = before.get(name);
                    listed.get(name) != known && meanwhile.get(name) == known && later.get(name) == known
                })
                .collect();
            prop_assert_eq!(lost, expected);
        }
    }

    #[test]
    fn a_list_of_nothing_has_null_for_its_items() {
        let text = r#"{"kind":"PartialObjectMetadataList","metadata":{"resourceVersion":"7"},"items":null}"#;
        let page: Page<'_> = serde_json::from_str(text).unwrap();
        assert!(page.items.is_none() && page.metadata.next.is_none());
    }

    #[test]
    fn only_a_number_below_the_highest_goes_back() {
        let back = |highest: Option<&str>, listed: &str| {
            let highest = highest.map(ToOwned::to_owned);
            Comparison::with(Arc::new(Copy { objects: Objects::new(), highest })).goes_back(listed)
        };
        assert!(back(Some("100"), "99"));
        assert!(!back(Some("100"), "100"));
        assert!(!back(Some("99"), "100"), "as numbers, not as texts");
        for (highest, listed) in
            [(None, "1"), (Some("100"), ""), (Some("100"), "0"), (Some("x"), "1"), (Some("9"), "x")]
        {
            assert!(!back(highest, listed), "{highest:?} {listed:?}");
        }
    }
}
