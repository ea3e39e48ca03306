//! The calls themselves. Reviews are small, so their types are here, with the fields that matter.

use cluster_registry::connection::{ClusterError, Connection, classify};
use fleetgraph_core::ErrorCode;
use http::{Request, header};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::question::{Attributes, Subject};

/// Creates an object that the API server answers at once and does not keep.
///
/// # Errors
/// As the cluster says, or why it could not be asked.
pub(crate) async fn post<A: DeserializeOwned>(
    connection: &Connection,
    path: &str,
    object: &impl Serialize,
) -> Result<A, ClusterError> {
    let unsendable = |message: String| ClusterError { code: ErrorCode::Internal, message, retry_after: None };
    let body = serde_json::to_vec(object).map_err(|error| unsendable(error.to_string()))?;
    let request = Request::post(path)
        .header(header::CONTENT_TYPE, "application/json")
        .body(body)
        .map_err(|error| unsendable(error.to_string()))?;
    connection.client().request(request).await.map_err(|error| classify(&error))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Review<'a> {
    api_version: &'static str,
    kind: &'static str,
    spec: Spec<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec<'a> {
    #[serde(flatten)]
    subject: &'a Subject,
    resource_attributes: &'a Attributes<'a>,
}

#[derive(Deserialize)]
struct Reviewed {
    #[serde(default)]
    status: Status,
}

/// What an API server answers to a review.
#[derive(Debug, Clone, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Status {
    pub allowed: bool,
    pub denied: bool,
    /// Something failed on the way to the decision. Not everything that does decides: a role may be missing.
    pub evaluation_error: String,
}

/// Asks a cluster whether a subject may do something.
///
/// # Errors
/// As [`post`].
pub(crate) async fn review(
    connection: &Connection,
    subject: &Subject,
    attributes: &Attributes<'_>,
) -> Result<Status, ClusterError> {
    let review = Review {
        api_version: "authorization.k8s.io/v1",
        kind: "SubjectAccessReview",
        spec: Spec { subject, resource_attributes: attributes },
    };
    let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
    let Reviewed { status } = post(connection, path, &review).await?;
    Ok(status)
}
