//! What a pod has written: lines that follow from its uid, so that the same pod tells the same story.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use tokio_util::sync::CancellationToken;

use super::answer::{self, Answer};
use super::body;
use super::entry::Call;
use crate::clock::rfc3339;
use crate::cluster::Cluster;
use crate::error::ApiError;
use crate::object::Object;
use crate::resources::Resource;

/// One every so many seconds.
const EVERY: i64 = 5;
/// How often a follower looks for more.
const POLL: Duration = Duration::from_millis(250);
/// How many a pod keeps.
const KEPT: i64 = 200;

const SAID: [&str; 8] = [
    "level=info msg=\"request served\" method=GET path=/api/items status=200 duration=3ms",
    "level=info msg=\"request served\" method=POST path=/api/items status=201 duration=11ms",
    "level=debug msg=\"cache hit\" key=catalog",
    "level=info msg=\"request served\" method=GET path=/healthz status=200 duration=0ms",
    "level=warn msg=\"slow query\" duration=412ms",
    "level=info msg=\"connection accepted\" peer=10.2.0.17",
    "level=debug msg=\"cache miss\" key=prices",
    "level=error msg=\"upstream timed out\" upstream=payments attempt=1",
];

fn line(object: &Object, index: i64, stamped: bool) -> String {
    let time = rfc3339(object.created + index * EVERY);
    let place = usize::try_from((index + i64::from(object.uid.0[0])).rem_euclid(8)).unwrap_or(0);
    let prefix = if stamped { format!("{time} ") } else { String::new() };
    format!("{prefix}time={time} {}\n", SAID[place])
}

pub(crate) fn answer(call: &Call) -> Result<Answer, ApiError> {
    let object = call.cluster.get(&call.resource, &call.target.namespace, &call.target.name)?;
    let name = &call.target.name;
    let value = object.value();
    let containers: Vec<&str> = value["spec"]["containers"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|c| c["name"].as_str())
        .collect();
    let container = match call.query.text("container") {
        "" if containers.len() > 1 => {
            let all = containers.join(" ");
            return Err(ApiError::bad_request(format!(
                "a container name must be specified for pod {name}, choose one of: [{all}]"
            )));
        }
        "" => containers.first().copied().unwrap_or_default(),
        wanted if containers.contains(&wanted) => wanted,
        wanted => {
            return Err(ApiError::bad_request(format!("container {wanted} is not valid for pod {name}")));
        }
    };
    if value["status"]["phase"] == "Pending" {
        return Err(ApiError::bad_request(format!(
            "container \"{container}\" in pod \"{name}\" is waiting to start: ContainerCreating"
        )));
    }
    let stamped = call.query.flag("timestamps");
    let last = (call.cluster.clock().now().as_second() - object.created) / EVERY;
    let number = |key: &str| call.query.text(key).parse::<i64>().ok();
    let since = number("sinceSeconds").map_or(KEPT, |seconds| seconds / EVERY);
    let count = number("tailLines").unwrap_or(KEPT).min(KEPT).min(since).min(last + 1).max(0);
    let text: String = (last + 1 - count..=last).map(|index| line(&object, index, stamped)).collect();
    if !call.query.flag("follow") {
        return Ok(answer::with_body(200, "text/plain", body::whole(text)));
    }
    let follower = Follower {
        cluster: call.cluster.clone(),
        resource: Arc::clone(&call.resource),
        cut: call.cut.clone(),
        object,
        stamped,
        last,
        kept: Some(text),
    };
    let chunks = stream::unfold(Some(follower), |follower| async move {
        let mut follower = follower?;
        let piece = follower.next().await?;
        let rest = piece.is_ok().then_some(follower);
        Some((piece, rest))
    });
    Ok(answer::with_body(200, "text/plain", body::stream(chunks)))
}

/// The lines as they become due, until the pod is gone.
struct Follower {
    cluster: Cluster,
    resource: Arc<Resource>,
    cut: CancellationToken,
    object: Arc<Object>,
    stamped: bool,
    /// The last line that was written.
    last: i64,
    /// What was there before, until it is sent.
    kept: Option<String>,
}

impl Follower {
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        if let Some(text) = self.kept.take().filter(|text| !text.is_empty()) {
            return Some(Ok(text.into()));
        }
        loop {
            tokio::time::sleep(POLL).await;
            let faults = self.cluster.faults();
            if self.cluster.0.faults.down(&faults).0 {
                self.cut.cancel();
                return Some(Err(io::ErrorKind::ConnectionReset.into()));
            }
            let key = &self.object.key;
            let present = self.cluster.get(&self.resource, &key.namespace, &key.name).ok()?;
            if present.uid != self.object.uid {
                return None;
            }
            let due = (self.cluster.clock().now().as_second() - self.object.created) / EVERY;
            if due > self.last && !faults.stall {
                self.last += 1;
                return Some(Ok(line(&self.object, self.last, self.stamped).into()));
            }
        }
    }
}
