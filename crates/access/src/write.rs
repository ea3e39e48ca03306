//! Changes of objects, sent to their cluster as the caller, by whose rights there they are made or refused.
//!
//! ```text
//!   tenant, bounds ──► permit ──► the cluster: who is this to you? ──► the caller: the change
//!                                                 └► somebody else: nothing is sent
//! ```
//!
//! What decides is the cluster. Here it is only made sure that it decides about the caller: a gateway before an API
//! server may drop the headers of impersonation, and the change would be made by fleetgraph's own account.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cluster_registry::connection::{Actor, Connection, Unspeakable, WriteAs, refusal};
use cluster_registry::{Cluster, unknown_cluster};
use fleetgraph_core::{
    Act, Error, ErrorCode, Identity, Kind, Method, PatchFormat, Principal, Propagation, Write, Written,
};
use http::{Request, header};
use kinds::Secret;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::Access;
use crate::authn::AUTHENTICATED;
use crate::bounds::{has, has_cluster};

/// What of a name doesn't stand in a path as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b':');
/// Of whom the API server says that a field was theirs.
const MANAGER: &str = "fleetgraph";
const JSON: &str = "application/json";
/// Nothing but the object's metadata comes back, so that nothing else can be told.
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
const WHO: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

/// A caller who may try to change an object, as far as fleetgraph itself has a say.
struct Permit<'a> {
    cluster: Arc<Cluster>,
    write: &'a Write,
    principal: &'a Principal,
    actor: Actor,
}

impl Access {
    /// Changes an object as the caller. The bearer is the token that the caller came with, if it was one.
    ///
    /// # Errors
    /// When it was not done. After a time-out it may have been.
    pub async fn write(
        &self,
        write: &Write,
        by: &Identity,
        bearer: Option<&SecretString>,
    ) -> Result<Written, Error> {
        let permit = self.permit(write, by, bearer)?;
        permit.send().await.map_err(|error| error.of_cluster(&write.cluster))
    }

    fn permit<'a>(
        &self,
        write: &'a Write,
        by: &'a Identity,
        bearer: Option<&SecretString>,
    ) -> Result<Permit<'a>, Error> {
        let principal = &*by.principal;
        let cluster = self
            .cluster(&write.cluster)
            .filter(|cluster| has_cluster(principal, &cluster.spec().tenant, write.cluster.as_str()));
        let cluster = cluster.ok_or_else(|| unknown_cluster(write.cluster.as_str()))?;
        let bounds = &principal.bounds;
        if bounds.read_only {
            return Err(Error::new(ErrorCode::Forbidden, "this credential is for reading only"));
        }
        let within = |namespaces| has(namespaces, &write.kind, &write.namespace, &write.name);
        if !bounds.namespaces.as_deref().is_none_or(within) {
            return Err(Error::new(ErrorCode::Forbidden, "this credential is bound to other namespaces"));
        }
        let actor = match cluster.spec().write_as {
            WriteAs::Impersonation => Actor::impersonating(principal),
            WriteAs::Token => Actor::bearing(own_token(by, bearer)?),
        };
        let actor =
            actor.map_err(|error: Unspeakable| Error::new(ErrorCode::Forbidden, error.to_string()))?;
        Ok(Permit { cluster, write, principal, actor })
    }
}

/// A token that a cluster can know. One of fleetgraph's own is shown to nobody.
fn own_token<'a>(by: &Identity, bearer: Option<&'a SecretString>) -> Result<&'a SecretString, Error> {
    bearer.filter(|_| matches!(by.method, Method::Oidc | Method::TokenReview)).ok_or_else(|| {
        Error::new(
            ErrorCode::Forbidden,
            "this cluster is changed by the caller's own token (`write_as: token`); come with one that it accepts",
        )
    })
}

impl Permit<'_> {
    async fn send(self) -> Result<Written, Error> {
        let connection = self.cluster.connection().ok_or_else(|| {
            self.cluster.config_error().unwrap_or_else(|| {
                Error::new(ErrorCode::ClusterUnavailable, "the cluster has no connection yet; try again")
            })
        })?;
        self.known_as_the_caller(&connection).await?;
        let quotable = self.write.quotable && !self.write.kind.is_resource(Secret::META.plural);
        let sent = connection.client_as(self.actor.clone()).request::<Answer>(request(self.write)?).await;
        sent.map(Answer::written).map_err(|error| refusal(&error, quotable))
    }

    /// Asks the cluster who is asking.
    async fn known_as_the_caller(&self, connection: &Connection) -> Result<(), Error> {
        let review = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview" });
        let request = json_request(Request::post(WHO), JSON, JSON, review.to_string())?;
        let client = connection.client_as(self.actor.clone());
        let answer: Review =
            client.request(request).await.map_err(|error| self.unknown(refusal(&error, true)))?;
        let by_token = self.cluster.spec().write_as == WriteAs::Token;
        if answer.status.user_info.is(self.principal, by_token) {
            return Ok(());
        }
        tracing::error!(
            cluster = %self.write.cluster,
            caller = %self.principal.user,
            known_as = answer.status.user_info.username,
            "a change was not sent, because the cluster takes the caller for somebody else"
        );
        Err(Error::new(
            ErrorCode::ClusterConfig,
            "the cluster takes the caller for somebody else, so nothing was changed: what stands before its API server must \
             pass on the headers of impersonation, and names of users must be the same there as here",
        ))
    }

    fn unknown(&self, told: Error) -> Error {
        let message = match (self.cluster.spec().write_as, told.code) {
            (WriteAs::Impersonation, ErrorCode::Forbidden) => {
                "fleetgraph's account may not act for the caller in this cluster: grant it the verb `impersonate` on users, groups, \
                 uids and userextras"
            }
            (_, ErrorCode::NotFound) => {
                "this cluster can't say whom it takes a caller for (it needs Kubernetes 1.28), so nothing is changed there"
            }
            (WriteAs::Token, ErrorCode::ClusterUnauthenticated) => {
                return Error::new(
                    ErrorCode::Forbidden,
                    "the cluster does not accept the caller's own token",
                );
            }
            _ => return told,
        };
        Error::new(ErrorCode::ClusterForbidden, message)
    }
}

#[derive(Deserialize)]
struct Review {
    status: ReviewStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReviewStatus {
    user_info: UserInfo,
}

/// Whom a cluster takes somebody for.
#[derive(Deserialize, Default)]
#[serde(default)]
struct UserInfo {
    username: String,
    uid: String,
    groups: BTreeSet<String>,
    extra: BTreeMap<String, Vec<String>>,
}

impl UserInfo {
    /// Whether that is the caller. A token's own groups and attributes are the cluster's business.
    fn is(&self, principal: &Principal, by_token: bool) -> bool {
        if *self.username != *principal.user {
            return false;
        }
        if by_token {
            return true;
        }
        let mut groups: BTreeSet<String> = principal.groups.iter().map(ToString::to_string).collect();
        groups.insert(AUTHENTICATED.to_owned());
        *self.uid == *principal.uid && self.groups == groups && self.extra == *principal.extra
    }
}

fn request(write: &Write) -> Result<Request<Vec<u8>>, Error> {
    let path = path(write)?;
    match &write.act {
        Act::Patch { format, body } => {
            let format = match format {
                PatchFormat::Merge => "application/merge-patch+json",
                PatchFormat::StrategicMerge => "application/strategic-merge-patch+json",
                PatchFormat::Json => "application/json-patch+json",
            };
            let dry = if write.dry_run { "&dryRun=All" } else { "" };
            let uri = format!("{path}?fieldManager={MANAGER}&fieldValidation=Strict{dry}");
            json_request(Request::patch(uri), format, METADATA, body.clone())
        }
        Act::Delete { propagation, grace_seconds, uid, resource_version } => {
            let mut preconditions = Map::new();
            for (key, value) in [("uid", uid), ("resourceVersion", resource_version)] {
                preconditions.extend(value.iter().map(|value| (key.to_owned(), Value::from(value.as_str()))));
            }
            let mut options = json!({
                "apiVersion": "v1",
                "kind": "DeleteOptions",
                "preconditions": preconditions,
                "propagationPolicy": match propagation {
                    Propagation::Background => "Background",
                    Propagation::Foreground => "Foreground",
                    Propagation::Orphan => "Orphan",
                },
            });
            if let Some(seconds) = grace_seconds {
                options["gracePeriodSeconds"] = Value::from(*seconds);
            }
            if write.dry_run {
                options["dryRun"] = json!(["All"]);
            }
            json_request(Request::delete(path), JSON, METADATA, options.to_string())
        }
    }
}

fn json_request(
    builder: http::request::Builder,
    content_type: &str,
    accept: &str,
    body: String,
) -> Result<Request<Vec<u8>>, Error> {
    let request = builder
        .header(header::CONTENT_TYPE, content_type)
        .header(header::ACCEPT, accept)
        .body(body.into_bytes());
    request.map_err(|_| Error::bad_input("no object has such a name"))
}

fn path(write: &Write) -> Result<String, Error> {
    let kind = &write.kind;
    let root = if kind.group.is_empty() { "/api" } else { "/apis" };
    let mut path = format!("{root}/{}", kind.api_version());
    if kind.namespaced {
        path.push_str(&format!("/namespaces/{}", segment(&write.namespace)?));
    }
    Ok(path + &format!("/{}/{}", kind.plural, segment(&write.name)?))
}

/// A name as one segment of a path, as the API server takes them. One that is empty would mean all objects.
fn segment(name: &str) -> Result<String, Error> {
    if matches!(name, "" | "." | "..") || name.contains(['/', '%']) {
        return Err(Error::bad_input(format!("no object has the name or namespace {name:?}")));
    }
    Ok(utf8_percent_encode(name, SEGMENT).to_string())
}

/// The object's metadata or, of one that is gone, a `Status`.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Answer {
    metadata: Metadata,
    details: Details,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    uid: String,
    resource_version: String,
    generation: Option<i64>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Details {
    uid: String,
}

impl Answer {
    fn written(self) -> Written {
        let Metadata { uid, resource_version, generation } = self.metadata;
        Written { uid: if uid.is_empty() { self.details.uid } else { uid }, resource_version, generation }
    }
}

#[cfg(test)]
mod tests {
    use fleetgraph_core::{ClusterId, Kind};
    use kinds::{ClusterRole, Pod};

    use super::*;

    fn write(kind: fleetgraph_core::KindMeta, namespace: &str, name: &str) -> Write {
        Write {
            cluster: ClusterId::new("one").unwrap(),
            kind,
            namespace: namespace.into(),
            name: name.into(),
            act: Act::Delete {
                propagation: Propagation::Background,
                grace_seconds: None,
                uid: None,
                resource_version: None,
            },
            dry_run: false,
            quotable: true,
        }
    }

    #[test]
    fn a_change_goes_to_one_object_and_no_name_makes_it_another_path() {
        assert_eq!(path(&write(Pod::META, "shop", "cart")).unwrap(), "/api/v1/namespaces/shop/pods/cart");
        assert_eq!(
            path(&write(ClusterRole::META, "", "system:a b?x")).unwrap(),
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:a%20b%3Fx"
        );
        for (namespace, name) in
            [("shop", ""), ("", "cart"), ("..", "cart"), ("shop", "a/b"), ("shop", "%2e"), ("shop", ".")]
        {
            assert!(path(&write(Pod::META, namespace, name)).is_err(), "{namespace:?} {name:?}");
        }
    }

    #[test]
    fn somebody_else_is_not_the_caller() {
        let mut ann = Principal::new("ann").in_groups(["dev", AUTHENTICATED]);
        ann.uid = "42".into();
        let known = |json: Value| serde_json::from_value::<UserInfo>(json).unwrap();
        let same = json!({ "username": "ann", "uid": "42", "groups": ["system:authenticated", "dev"] });
        assert!(known(same.clone()).is(&ann, false));
        for (key, other) in [
            ("username", json!("fleetgraph")),
            ("uid", json!("43")),
            ("groups", json!(["system:authenticated"])),
            ("groups", json!(["system:authenticated", "dev", "system:masters"])),
            ("extra", json!({ "scope": ["all"] })),
        ] {
            let mut changed = same.clone();
            changed[key] = other;
            assert!(!known(changed.clone()).is(&ann, false), "{changed}");
            assert_eq!(
                known(changed).is(&ann, true),
                key != "username",
                "a token says the rest by itself: {key}"
            );
        }
    }
}
