//! The fixture: its documents, and how they get to a control plane.

use std::path::PathBuf;

use serde_json::{Value, json};
use testkit::{ControlPlane, Fleet, Options};

use crate::{
    bed::{self, Bed},
    client,
    compare::KINDS,
    server::Server,
};

/// What runs besides an API server.
#[derive(Clone, Copy, PartialEq)]
pub enum Plane {
    /// Nothing: an object stays as the test wrote it.
    Bare,
    /// Controllers, a scheduler and nodes.
    Whole,
}

/// A cluster of that name, and fleetgraph, which watches every kind of it.
pub async fn start(name: &str, plane: Plane) -> Bed {
    start_with(name, plane, "limits: { introspection: true }\n").await
}

pub async fn start_with(name: &str, plane: Plane, more: &str) -> Bed {
    let options = match plane {
        // Fields that are behind gates are fields as well.
        Plane::Bare => Options::bare(name)
            .apiserver_arg(
                "--feature-gates=MaxUnavailableStatefulSet=true,CrossNamespaceVolumeDataSource=true,CoordinatedLeaderElection=true",
            )
            .apiserver_arg("--runtime-config=coordination.k8s.io/v1beta1=true"),
        Plane::Whole => Options::named(name),
    };
    let fleet = Fleet::start_with(vec![options]).await.unwrap();
    let kinds: Vec<_> = KINDS.iter().map(|(path, _)| path.rsplit('/').next().unwrap()).collect();
    let config = format!(
        "clusters:\n{}watch_resources: [{}]\n{more}",
        bed::cluster(fleet.plane(name).unwrap()),
        kinds.join(", ")
    );
    let server = Server::configured(&config);
    client::until(server.http(), "{ clusters { status { ready } freshness { state } } }", |data| {
        data["clusters"][0]["status"]["ready"] == true
            && data["clusters"][0]["freshness"]
                .as_array()
                .is_some_and(|all| all.len() == KINDS.len() && all.iter().all(|one| one["state"] == "LIVE"))
    })
    .await;
    Bed { fleet, server }
}

pub struct Fixture {
    pub objects: Vec<Value>,
}

impl Fixture {
    pub fn read() -> Self {
        let text = std::fs::read_to_string(file()).unwrap();
        let objects = text
            .split("\n---\n")
            .map(|document| {
                serde_saphyr::from_str(document).unwrap_or_else(|error| panic!("{error} in {document}"))
            })
            .collect();
        Self { objects }
    }

    /// The documents of a kind, by `namespace/name`. There must be one.
    pub fn keys_of(&self, kind: &str) -> Vec<String> {
        let keys: Vec<_> = self
            .objects
            .iter()
            .filter(|object| object["kind"] == kind)
            .map(|object| {
                let metadata = &object["metadata"];
                format!(
                    "{}/{}",
                    metadata["namespace"].as_str().unwrap_or(""),
                    metadata["name"].as_str().unwrap()
                )
            })
            .collect();
        assert!(!keys.is_empty(), "the fixture has no {kind}");
        keys
    }

    pub async fn apply(&self, plane: &ControlPlane) {
        let apply = async || plane.kubectl(&["apply", "-f", file().to_str().unwrap()]).await;
        // The controller that makes a new namespace's service account may be there first. Then it is there.
        if apply().await.is_err() {
            apply().await.unwrap();
        }
    }

    /// Writes what controllers and kubelets would.
    pub async fn write_statuses(&self, plane: &ControlPlane) {
        for object in &self.objects {
            if object.get("status").is_some() {
                write_status(plane, object).await.unwrap();
            }
        }
        plane.kubectl(&["delete", "namespace", "leaving", "--wait=false"]).await.unwrap();
    }
}

/// # Errors
/// What the API server refuses, in its words.
pub async fn write_status(plane: &ControlPlane, object: &Value) -> Result<String, String> {
    let (metadata, patch) = (&object["metadata"], json!({ "status": object["status"] }).to_string());
    let mut arguments = vec!["patch", object["kind"].as_str().unwrap(), metadata["name"].as_str().unwrap()];
    arguments.extend(["--subresource=status", "--type=merge", "-p", &patch]);
    if let Some(namespace) = metadata["namespace"].as_str() {
        arguments.extend(["-n", namespace]);
    }
    plane.kubectl(&arguments).await.map_err(|error| error.to_string())
}

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/fixtures/every_kind.yaml")
}
