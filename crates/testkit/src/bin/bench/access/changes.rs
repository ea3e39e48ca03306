//! How long it takes until a changed RoleBinding is in force, next to the API server's own authorizer, which follows its
//! bindings by a watch too; and what the question costs for which the rights are made anew.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use kube::Client;
use serde_json::{Value, json};
use testkit::Issuer;

use super::callers::token;
use super::rights::{self, READER, Rights};
use crate::figure::{Figure, Reference};
use crate::server::{self, Server};

/// Bindings that come and go, for fleetgraph and for the API server each.
const CHANGES: usize = 100;
const PATIENCE: Duration = Duration::from_secs(10);
const USER: &str = "comes-and-goes";
const COUNT: &str = "{ podsConnection(first: 1) { totalCount } }";
const REVIEWS: &str = "/apis/authorization.k8s.io/v1/subjectaccessreviews";

pub struct Changes {
    pub figures: Vec<Figure>,
    /// Of all times from a deletion until it was in force.
    pub longest: Duration,
}

/// What one of the two takes.
#[derive(Default)]
struct Taken {
    until_granted: Vec<Duration>,
    until_revoked: Vec<Duration>,
    /// Of the answer that first shows a change, and of those before it.
    first: Vec<Duration>,
    before: Vec<Duration>,
}

/// Answers whether the user sees something now, and how long that took.
trait Judge {
    async fn sees(&self) -> Result<(bool, Duration)>;
}

struct Fleetgraph<'a> {
    server: &'a Server,
    token: String,
}

struct ApiServer<'a> {
    client: &'a Client,
    review: Value,
}

impl Judge for Fleetgraph<'_> {
    async fn sees(&self) -> Result<(bool, Duration)> {
        let answer = self.server.ask_by(Some(&self.token), COUNT).await?;
        let data = server::data(COUNT, &answer.bytes())?;
        Ok((data["podsConnection"]["totalCount"] != 0, answer.took))
    }
}

impl Judge for ApiServer<'_> {
    async fn sees(&self) -> Result<(bool, Duration)> {
        let asked = Instant::now();
        let review = rights::post(self.client, REVIEWS, &self.review).await?;
        Ok((review["status"]["allowed"] == true, asked.elapsed()))
    }
}

pub async fn measure(server: &Server, client: &Client, issuer: &Issuer, rights: &Rights) -> Result<Changes> {
    let namespaces = &rights.namespaces;
    let fleetgraph = Fleetgraph { server, token: token(issuer, USER, &[])? };
    let (mut ours, mut theirs) = (Taken::default(), Taken::default());
    for (number, namespace) in namespaces.iter().cycle().take(CHANGES).enumerate() {
        let attributes = json!({ "verb": "list", "resource": "pods", "namespace": namespace });
        let review = json!({ "spec": { "user": USER, "resourceAttributes": attributes } });
        let mark = format!("comes-and-goes-{number}");
        change(&mut ours, &fleetgraph, client, namespace, &mark).await?;
        change(&mut theirs, &ApiServer { client, review }, client, namespace, &mark).await?;
    }
    let longest = ours.until_revoked.iter().max().copied().unwrap_or_default();
    let review = |times| Reference::new("API server: until a SubjectAccessReview says so", times);
    let figures = vec![
        Figure::new("a new RoleBinding shows, from the answer to its POST", ours.until_granted.into())
            .against(&review(theirs.until_granted)),
        Figure::new(
            "a deleted RoleBinding is in force, from the answer to its DELETE",
            ours.until_revoked.into(),
        )
        .against(&review(theirs.until_revoked)),
        Figure::new(
            format!("the first question after a change, with {} bindings", rights.bindings),
            ours.first.into(),
        )
        .against(&Reference::new("the same question before the change", ours.before)),
    ];
    Ok(Changes { figures, longest })
}

/// A binding comes, and goes.
async fn change(
    taken: &mut Taken,
    judge: &impl Judge,
    client: &Client,
    namespace: &str,
    name: &str,
) -> Result<()> {
    let path = rights::bindings_of(namespace);
    taken.before(judge, false).await?;
    rights::post(client, &path, &rights::bound(name, READER, &rights::user(USER))).await?;
    let granted = taken.until(judge, true).await?;
    taken.until_granted.push(granted);
    taken.before(judge, true).await?;
    let request = http::Request::delete(format!("{path}/{name}")).body(Vec::new())?;
    client.request::<Value>(request).await?;
    let revoked = taken.until(judge, false).await?;
    taken.until_revoked.push(revoked);
    Ok(())
}

impl Taken {
    async fn before(&mut self, judge: &impl Judge, expected: bool) -> Result<()> {
        let (sees, took) = judge.sees().await?;
        ensure!(sees == expected, "before a change {USER} sees something: {sees}");
        self.before.push(took);
        Ok(())
    }

    /// Asks without a pause until the answer is as it should be.
    async fn until(&mut self, judge: &impl Judge, wanted: bool) -> Result<Duration> {
        let changed = Instant::now();
        loop {
            let (sees, took) = judge.sees().await?;
            if sees == wanted {
                self.first.push(took);
                return Ok(changed.elapsed());
            }
            ensure!(changed.elapsed() < PATIENCE, "after {PATIENCE:?} {USER} still sees something: {sees}");
        }
    }
}
