//! The simulator's own paths, for another process: `/simulator/…` below a cluster's URL, for the cluster's
//! administrator, whatever goes wrong there. `kubectl replace --raw /simulator/faults -f FILE` sets faults.
//!
//! ```text
//!   GET  faults                 PUT  faults    what goes wrong from now on
//!   GET  changes                               how many there were of each resource
//!   POST snapshot, restore      the state now; back to it, resourceVersions and all
//!   POST compact                history is forgotten
//! ```

use std::sync::PoisonError;

use http::{Method, Request};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::{Map, Value, json};

use super::Shared;
use super::answer::{self, Answer};
use super::entry::bearer;
use crate::cluster::Cluster;
use crate::error::ApiError;
use crate::faults::Faults;

/// The cluster whose administrator asks: older versions of `kubectl --raw` leave out the path of the cluster's URL.
pub(crate) fn cluster_of(shared: &Shared, request: &Request<Incoming>) -> Option<Cluster> {
    let token = bearer(request.headers())?;
    let clusters = shared.clusters.read().unwrap_or_else(PoisonError::into_inner);
    clusters.values().find(|cluster| cluster.options().admin_token == token).cloned()
}

const LIMIT: usize = 64 * 1024;

pub(crate) async fn answer(cluster: &Cluster, what: &str, request: Request<Incoming>) -> Answer {
    match serve(cluster, what, request).await {
        Ok(answer) => answer,
        Err(error) => error.into(),
    }
}

async fn serve(cluster: &Cluster, what: &str, request: Request<Incoming>) -> Result<Answer, ApiError> {
    if bearer(request.headers()) != Some(&cluster.options().admin_token) {
        return Err(ApiError::unauthorized());
    }
    match (request.method().clone(), what) {
        (Method::GET, "faults" | "changes") => {}
        (Method::PUT, "faults") => {
            let body = Limited::new(request.into_body(), LIMIT).collect().await;
            let body = body.map_err(|error| ApiError::bad_request(error.to_string()))?.to_bytes();
            // A list would be taken for the fields in their order.
            let faults: Faults = serde_json::from_slice::<Map<String, Value>>(&body)
                .and_then(|fields| serde_json::from_value(Value::Object(fields)))
                .map_err(|error| ApiError::bad_request(error.to_string()))?;
            faults.check().map_err(ApiError::bad_request)?;
            cluster.set_faults(faults);
        }
        (Method::POST, "snapshot") => cluster.keep_snapshot(),
        (Method::POST, "restore") if cluster.restore_kept() => {}
        (Method::POST, "restore") => return Err(ApiError::bad_request("there is no snapshot")),
        (Method::POST, "compact") => cluster.compact(),
        (_, "faults" | "changes" | "snapshot" | "restore" | "compact") => {
            return Err(ApiError::method_not_allowed());
        }
        _ => return Err(ApiError::no_such_resource()),
    }
    Ok(match what {
        "faults" => answer::json(200, &json!(cluster.faults())),
        "changes" => answer::json(200, &json!(cluster.changes())),
        _ => answer::json(200, &json!({"resourceVersion": cluster.revision().to_string()})),
    })
}
