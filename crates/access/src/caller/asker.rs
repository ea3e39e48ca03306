//! One request of a caller: what it sees, and what it waits for.

use std::sync::Arc;

use cluster_registry::Cluster;
use fleetgraph_core::{
    AccessMode, ClusterId, Error, ErrorCode, Extent, KindMeta, Settled, Sight, Verb, View,
};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::time::Instant;

use super::decider::ByReviews;
use super::local::{Of, Seen};
use super::{Caller, Here, Judged};
use crate::bounds;
use crate::review::{Asked, Failure, Place, Want, Wants, settle};
use crate::rules::{Copied, copied};

#[derive(Debug)]
pub(crate) struct Asker {
    caller: Arc<Caller>,
    wants: Arc<Wants>,
}

impl Asker {
    pub fn new(caller: Arc<Caller>) -> Self {
        let wants = Arc::new(Wants::new(caller.judges.settings.reviews_per_request));
        Self { caller, wants }
    }

    /// Whether the copies of the rules are too old to go by.
    fn is_outdated(&self, cluster: &Cluster) -> bool {
        match copied(cluster) {
            Copied::Live => false,
            Copied::Aged(age) => age > self.caller.judges.settings.max_rules_age,
            Copied::Coming => true,
            // Whoever judges by rules that fleetgraph may no longer read was told to by the configuration, or has yet to
            // hear of it: a moment later the cluster is asked.
            Copied::Never(_) => true,
        }
    }

    fn extent(&self, here: &Here, seen: &Seen, verb: Verb, kind: &KindMeta) -> Arc<Extent> {
        seen.known(Of::Verb(verb), kind).unwrap_or_else(|| {
            if verb != Verb::Get {
                here.local.member().samples.note(&self.caller.principal, verb, kind);
            }
            seen.extent(Of::Verb(verb), kind, &self.caller.principal)
        })
    }

    fn decider(&self, here: &Here, id: &ClusterId, verb: Verb, kind: &KindMeta) -> ByReviews {
        let caller = &self.caller;
        let seen = here.local.seen(&here.cluster, &caller.principal);
        ByReviews {
            cluster: id.clone(),
            verb,
            kind: *kind,
            namespaces: caller.principal.bounds.namespaces.clone(),
            named: seen.map(|seen| seen.extent(Of::ByName(verb), kind, &caller.principal)),
            local: Arc::clone(&here.local),
            wants: Arc::clone(&self.wants),
            last: std::sync::Mutex::default(),
        }
    }

    async fn settle_all(&self) -> bool {
        let (wanted, overflown) = self.wants.take();
        let settings = &self.caller.judges.settings;
        let deadline = Instant::now() + settings.review_patience;
        let mut clusters: FuturesUnordered<_> = wanted
            .iter()
            .map(async |(id, wanted)| {
                let Some(here) = self.caller.here(id) else { return false };
                let asked = Asked {
                    cluster: &here.cluster,
                    reviewer: &here.local.member().reviewer,
                    subject: &self.caller.subject,
                    decisions: &here.local.decisions,
                    ttl: settings.review_ttl,
                };
                let (learned, failure) = settle(&asked, wanted, deadline).await;
                let failure = overflown.contains(id).then_some(Failure::TooMany).or(failure);
                let news = self.wants.note(id, failure);
                learned || news
            })
            .collect();
        let mut any = false;
        while let Some(news) = clusters.next().await {
            any |= news;
        }
        any
    }
}

impl Sight for Asker {
    /// Who may see nothing in a cluster isn't told that there is one. Where the cluster has to be asked, that can't be
    /// told beforehand: there, it is the tenant's clusters that the caller may know of.
    fn has_cluster(&self, cluster: &ClusterId) -> bool {
        match self.caller.here(cluster) {
            Some(Here { judged: Judged::ByRules(seen), .. }) => seen.anything,
            Some(Here { judged: Judged::ByReviews, .. }) => true,
            None => false,
        }
    }

    fn view(&self, cluster: &ClusterId, verb: Verb, kind: &KindMeta) -> View {
        let Some(here) = self.caller.here(cluster) else { return View::nothing() };
        match &here.judged {
            Judged::ByRules(_) if self.is_outdated(&here.cluster) => View::nothing(),
            Judged::ByRules(seen) => View::of(self.extent(&here, seen, verb, kind)),
            Judged::ByReviews => self.decider(&here, cluster, verb, kind).view(),
        }
    }

    fn allows(&self, cluster: &ClusterId, verb: Verb, kind: &KindMeta, namespace: &str, name: &str) -> bool {
        let Some(here) = self.caller.here(cluster) else { return false };
        match &here.judged {
            Judged::ByRules(_) if self.is_outdated(&here.cluster) => false,
            Judged::ByRules(seen) => self.extent(&here, seen, verb, kind).has(namespace, name),
            Judged::ByReviews => {
                let namespaces = &self.caller.principal.bounds.namespaces;
                if namespaces.as_ref().is_some_and(|of| !bounds::has(of, kind, namespace, name)) {
                    return false;
                }
                let place = Place { namespace: namespace.into(), name: Some(name.into()) };
                here.local.decisions.allow(verb, kind, &place).unwrap_or_else(|| {
                    self.wants.add(cluster, Want { verb, kind: *kind, place });
                    false
                })
            }
        }
    }

    fn mode(&self, cluster: &ClusterId) -> Option<AccessMode> {
        self.caller.here(cluster)?;
        self.caller.mode(cluster)
    }

    fn problem(&self, cluster: &ClusterId) -> Option<Error> {
        let here = self.caller.here(cluster)?;
        let told = |code, why: &str| {
            let message = format!("what you may see in cluster {cluster} can't be found out: {why}");
            Some(Error::new(code, message).of_cluster(cluster))
        };
        match &here.judged {
            Judged::ByRules(seen) if seen.anything && self.is_outdated(&here.cluster) => told(
                ErrorCode::ClusterUnavailable,
                "its roles and bindings were last heard of too long ago, so nothing of it is shown",
            ),
            Judged::ByRules(_) => None,
            Judged::ByReviews => {
                let failure = self.wants.failure(cluster)?;
                told(failure.code(), failure.advice())
            }
        }
    }

    fn settle(&self) -> Settled<'_> {
        Box::pin(self.settle_all())
    }
}
