//! One look at who decides in a cluster.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cluster_registry::Cluster;
use cluster_registry::connection::{AccessRule, ClusterError, Connection};
use fleetgraph_core::{ErrorCode, Principal};
use rand::RngExt;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::compare::{Listed, differs};
use super::spot::contradiction;
use super::{AccessKind, AccessMode};
use crate::member::Member;
use crate::review::{Attributes, Subject, post, review};
use crate::rules::{Copied, copied};

/// For each of the few calls of a look.
const PATIENCE: Duration = Duration::from_secs(5);
/// Any that surely exists: rules are listed for a namespace.
const NAMESPACE: &str = "default";

/// How often the rules are compared before a difference counts: a role that was just written is known to the API server's
/// authorizer and to the copy at different times.
pub(super) const ATTEMPTS: u32 = 4;
pub(super) const BETWEEN: Duration = Duration::from_millis(400);

/// What a look found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    Mode(AccessMode),
    /// It can't be told now.
    Unknown(String),
}

/// Why a look, or a part of it, found nothing.
pub(super) enum Failed {
    /// The cluster does not let fleetgraph ask.
    Refused(String),
    Call(String),
}

impl From<ClusterError> for Failed {
    fn from(error: ClusterError) -> Self {
        match error.code {
            ErrorCode::ClusterForbidden | ErrorCode::NotFound => Self::Refused(error.message),
            _ => Self::Call(error.message),
        }
    }
}

pub(super) async fn detect(cluster: &Cluster, member: &Member) -> Found {
    let rule = cluster.spec().access;
    if rule == AccessRule::Rbac {
        // Node accounts are judged by reviews wherever they are.
        if member.reviewer.stalled()
            && let Some(connection) = cluster.connection()
            && stranger(&connection).await.is_ok()
        {
            member.reviewer.answers();
        }
        return Found::Mode(AccessMode::new(AccessKind::Rbac, "the configuration says so"));
    }
    let Some(connection) = cluster.connection() else {
        return Found::Unknown("there is no connection to the cluster".to_owned());
    };
    let stranger = stranger(&connection).await;
    if stranger.is_ok() {
        member.reviewer.answers();
    }
    let reviews = |reason: String| match &stranger {
        Err(Failed::Refused(why)) => {
            let reason = format!("{reason}; and fleetgraph may not create SubjectAccessReviews: {why}");
            Found::Mode(AccessMode::new(AccessKind::Nothing, reason))
        }
        _ => Found::Mode(AccessMode::new(AccessKind::Reviews, reason)),
    };
    if rule == AccessRule::Reviews {
        return reviews("the configuration says so".to_owned());
    }
    match &stranger {
        Ok(Some(reason)) => return reviews(reason.clone()),
        Err(Failed::Call(why)) => return Found::Unknown(why.clone()),
        // Whoever may not review can still compare.
        Ok(None) | Err(Failed::Refused(_)) => {}
    }
    match copied(cluster) {
        Copied::Never(reason) => return reviews(reason),
        Copied::Coming => {
            return Found::Unknown("its roles and bindings are still being listed".to_owned());
        }
        Copied::Aged(_) | Copied::Live => {}
    }
    for attempt in 1.. {
        let (principal, listed) = match ours(&connection).await {
            Ok(ours) => ours,
            Err(Failed::Refused(why)) => {
                return reviews(format!(
                    "the cluster does not tell what fleetgraph's own account may do: {why}"
                ));
            }
            Err(Failed::Call(why)) => return Found::Unknown(why),
        };
        let Some(rules) = member.rules(cluster) else { break };
        match differs(&rules.policy.rules(&principal, NAMESPACE), &listed) {
            None => {
                if stranger.is_ok()
                    && let Some(reason) = contradiction(&connection, cluster, member).await
                {
                    return reviews(reason);
                }
                let reason = "the API server lists the rules that its roles and bindings give, and no others";
                return Found::Mode(AccessMode::new(AccessKind::Rbac, reason));
            }
            Some(reason) if attempt == ATTEMPTS || listed.incomplete => return reviews(reason),
            Some(_) => tokio::time::sleep(BETWEEN).await,
        }
    }
    Found::Unknown("its roles and bindings are still being listed".to_owned())
}

/// What speaks against local evaluation, if anything does, in the judgement of somebody whom nobody has bound to anything.
async fn stranger(connection: &Connection) -> Result<Option<String>, Failed> {
    let mark = format!("{:016x}", rand::rng().random::<u64>());
    let subject = Subject::of(&Principal::new(format!("fleetgraph:nobody:{mark}")));
    let group = format!("{mark}.fleetgraph.invalid");
    let attributes = Attributes {
        verb: "get",
        group: &group,
        version: "v1",
        resource: "nothings",
        namespace: NAMESPACE,
        name: "nothing",
    };
    let status = bounded(review(connection, &subject, &attributes)).await?;
    Ok(if status.allowed {
        Some("a user whom nobody gave any right may read anything".to_owned())
    } else if !status.evaluation_error.is_empty() {
        Some(format!("an authorizer of the cluster fails: {}", status.evaluation_error))
    } else {
        None
    })
}

/// Who fleetgraph is in the cluster, and what the API server lists for it.
async fn ours(connection: &Connection) -> Result<(Principal, Listed), Failed> {
    #[derive(Deserialize)]
    struct Reviewed<S> {
        status: S,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Me {
        user_info: UserInfo,
    }
    #[derive(Deserialize)]
    struct UserInfo {
        username: Arc<str>,
        #[serde(default)]
        groups: Vec<String>,
    }
    let me = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview" });
    let me: Reviewed<Me> =
        bounded(post(connection, "/apis/authentication.k8s.io/v1/selfsubjectreviews", &me)).await?;
    let UserInfo { username, groups } = me.status.user_info;
    let rules: Value = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": { "namespace": NAMESPACE },
    });
    let listed: Reviewed<Listed> =
        bounded(post(connection, "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", &rules)).await?;
    let principal = Principal { extra: Arc::new(BTreeMap::new()), ..Principal::new(username) };
    Ok((principal.in_groups(groups), listed.status))
}

pub(super) async fn bounded<T>(call: impl Future<Output = Result<T, ClusterError>>) -> Result<T, Failed> {
    match timeout(PATIENCE, call).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Failed::Call(format!("no answer within {} s", PATIENCE.as_secs()))),
    }
}
