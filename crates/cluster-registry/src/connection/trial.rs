//! A cluster is tried out before it is taken into the fleet.
//!
//! ```text
//!   open ─► /version ─► who are we there? ─► may we list namespaces, or pods?
//! ```
//!
//! What is told of a failure says which step it was, and quotes nothing of what answered: whoever gave the address need
//! not be somebody who may read what stands there.

use std::{fmt, time::Duration};

use fleetgraph_core::{Error, ErrorCode};
use k8s_openapi::api::{
    authentication::v1::SelfSubjectReview,
    authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec},
    core::v1::Namespace,
};
use kube::{
    Api,
    api::{ListParams, PostParams},
};

use super::{ClusterSpec, Connection, classify::classify};

/// The longest answer that is read; a version or one namespace is far shorter.
const LONGEST: u64 = 1 << 20;

/// How far it got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Address, TLS.
    Reach,
    /// Whether what answers is an API server.
    Version,
    /// Whether it takes the credentials.
    Identity,
    /// Whether they may list anything.
    Rights,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reach => "the API server can't be reached",
            Self::Version => "what answers there is no API server that can be used",
            Self::Identity => "the API server does not take the credentials",
            Self::Rights => "the credentials may not list anything",
        })
    }
}

/// Why a cluster is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{step}: {reason}")]
pub struct TrialError {
    pub step: Step,
    pub code: ErrorCode,
    reason: String,
}

impl From<TrialError> for Error {
    fn from(error: TrialError) -> Self {
        Self::new(error.code, error.to_string())
    }
}

impl TrialError {
    fn new(step: Step, code: ErrorCode, reason: impl Into<String>) -> Self {
        Self { step, code, reason: reason.into() }
    }

    fn of(step: Step, error: &kube::Error) -> Self {
        let kube::Error::Api(status) = error else {
            let told = classify(error);
            let step = match told.code {
                ErrorCode::ClusterProtocol | ErrorCode::MalformedObject => Step::Version,
                _ => Step::Reach,
            };
            return Self::new(step, told.code, told.message);
        };
        match status.code {
            401 => Self::new(
                Step::Identity,
                ErrorCode::ClusterUnauthenticated,
                "they are wrong or have expired (401)",
            ),
            403 => Self::new(step, ErrorCode::ClusterForbidden, "it is not allowed to them (403)"),
            code => Self::new(step, ErrorCode::ClusterProtocol, format!("it answered with HTTP {code}")),
        }
    }
}

/// Dials a cluster with its own settings, asks it who it is, who we are, and what we may list. Returns its version.
///
/// # Errors
/// The first step that failed, or the one under way when the time was up.
pub async fn try_out(mut spec: ClusterSpec, patience: Duration) -> Result<String, TrialError> {
    spec.timeout = spec.timeout.min(patience);
    spec.tuning.connect_timeout = spec.tuning.connect_timeout.min(patience);
    spec.tuning.max_object_bytes = LONGEST;
    spec.tuning.max_list_bytes = LONGEST;
    let connection = Connection::open(spec)
        .await
        .map_err(|error| TrialError::new(Step::Reach, error.code(), error.to_string()))?;
    let late = |_| {
        let reason = format!("it did not answer within {} s", patience.as_secs());
        Err(TrialError::new(Step::Reach, ErrorCode::ClusterTimeout, reason))
    };
    let outcome = tokio::time::timeout(patience, ask(&connection)).await.unwrap_or_else(late);
    connection.close().await;
    outcome
}

async fn ask(connection: &Connection) -> Result<String, TrialError> {
    let client = connection.client();
    let version =
        client.apiserver_version().await.map_err(|error| TrialError::of(Step::Version, &error))?.git_version;
    identify(Api::all(client.clone())).await?;
    let namespaces: Api<Namespace> = Api::all(client.clone());
    match namespaces.list(&ListParams::default().limit(1)).await {
        Ok(_) => return Ok(version),
        Err(kube::Error::Api(status)) if status.code == 403 => {}
        Err(error) => return Err(TrialError::of(Step::Rights, &error)),
    }
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(ResourceAttributes {
                verb: Some("list".into()),
                resource: Some("pods".into()),
                ..ResourceAttributes::default()
            }),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let answer = Api::all(client).create(&PostParams::default(), &review).await;
    let answer: SelfSubjectAccessReview = answer.map_err(|error| TrialError::of(Step::Rights, &error))?;
    if answer.status.is_some_and(|status| status.allowed) {
        return Ok(version);
    }
    Err(TrialError::new(
        Step::Rights,
        ErrorCode::ClusterForbidden,
        "neither namespaces nor pods; bind them to a role that lists and watches what is to be seen",
    ))
}

/// Servers before 1.28 don't tell; what may be listed tells enough then.
async fn identify(reviews: Api<SelfSubjectReview>) -> Result<(), TrialError> {
    let answer = match reviews.create(&PostParams::default(), &SelfSubjectReview::default()).await {
        Ok(answer) => answer,
        Err(kube::Error::Api(status)) if matches!(status.code, 403 | 404) => return Ok(()),
        Err(error) => return Err(TrialError::of(Step::Identity, &error)),
    };
    let user = answer.status.and_then(|status| status.user_info).and_then(|user| user.username);
    if user.as_deref() == Some("system:anonymous") {
        let reason = "it takes them for nobody's (system:anonymous)";
        return Err(TrialError::new(Step::Identity, ErrorCode::ClusterUnauthenticated, reason));
    }
    Ok(())
}
