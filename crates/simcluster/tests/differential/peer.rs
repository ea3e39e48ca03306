//! One of the two servers: runs a script and gives back what it answered.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use http::Request;
use http_body_util::BodyExt;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};

use crate::script::Step;

pub struct Peer {
    admin: Client,
    alice: Client,
    /// In scripts `{alice}`, in answers as well.
    token: String,
}

/// An answer as JSON: `{"code", "type", "retryAfter", "body" | "frames"}`.
pub type Answer = Value;

async fn client(kubeconfig: &str, token: Option<&str>) -> Client {
    let kubeconfig = Kubeconfig::from_yaml(kubeconfig).unwrap();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    if let Some(token) = token {
        config.auth_info = kube::config::AuthInfo {
            token: Some(token.to_owned().into()),
            ..kube::config::AuthInfo::default()
        };
    }
    config.proxy_url = None;
    config.default_retry = false;
    Client::try_from(config).unwrap()
}

impl Peer {
    pub async fn new(kubeconfig: &str, alice: &str) -> Self {
        Self {
            admin: client(kubeconfig, None).await,
            alice: client(kubeconfig, Some(alice)).await,
            token: alice.to_owned(),
        }
    }

    /// Sends the steps in order. A real server's authorizer learns of roles by a watch, so what it answers alice is asked
    /// for again for a while, until it is what is expected.
    pub async fn run(&self, steps: &[Step], expected: &[Answer]) -> Vec<Answer> {
        let mut kept = BTreeMap::from([("{alice}".to_owned(), self.token.clone())]);
        let mut answers = Vec::new();
        for (number, step) in steps.iter().enumerate() {
            let mut answer = self.send(step, &kept).await;
            let deadline = Instant::now() + LEARNS_WITHIN;
            while let Some(expected) = expected.get(number)
                && step.alice
                && may_not_know_yet(step, &answer, expected)
                && Instant::now() < deadline
            {
                tokio::time::sleep(Duration::from_millis(50)).await;
                answer = self.send(step, &kept).await;
            }
            for (name, pointer) in &step.keep {
                let value = answer["body"].pointer(pointer).cloned().unwrap_or(Value::Null);
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                kept.insert(format!("{{{name}}}"), text);
            }
            answers.push(answer);
        }
        answers
    }

    async fn send(&self, step: &Step, kept: &BTreeMap<String, String>) -> Answer {
        let fill =
            |text: &str| kept.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value));
        let mut request = Request::builder().method(step.method).uri(fill(&step.path));
        for (name, value) in &step.headers {
            request = request.header(*name, value);
        }
        let body = step.body.as_deref().map(fill).unwrap_or_default();
        let request = request.body(kube::client::Body::from(body.into_bytes())).unwrap();
        let client = if step.alice { &self.alice } else { &self.admin };
        let response = client.send(request).await.unwrap();
        let header = |name: &str| response.headers().get(name).map(|v| v.to_str().unwrap().to_owned());
        let mut answer = json!({
            "code": response.status().as_u16(), "type": header("content-type"), "retryAfter": header("retry-after"),
            "cacheControl": header("cache-control"),
        });
        let bytes = response.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes).replace(&self.token, "{alice}");
        let watches = step.path.contains("watch=true") && answer["code"] == 200;
        if watches {
            let frames = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            // Plain bookmarks come when they come.
            let marks = |frame: &Value| {
                frame["type"] != "BOOKMARK" || frame.to_string().contains("k8s.io/initial-events-end")
            };
            answer["frames"] = frames.filter(marks).collect();
        } else {
            answer["body"] = serde_json::from_str(&text).unwrap_or(Value::String(text));
        }
        answer
    }
}

/// How long an authorizer may take to learn of a role.
const LEARNS_WITHIN: Duration = Duration::from_secs(5);

/// Whether an answer may be that of an authorizer that has yet to learn of a role. To ask again changes nothing: a refused
/// request did nothing, and a review never does.
fn may_not_know_yet(step: &Step, answer: &Answer, expected: &Answer) -> bool {
    let refused = answer["code"] == 403 && expected["code"] != 403;
    let said = |answer: &Answer| {
        let status = &answer["body"]["status"];
        (status["allowed"].clone(), status["resourceRules"].as_array().map(Vec::len))
    };
    refused || (step.path.contains("/authorization.k8s.io/") && said(answer) != said(expected))
}
