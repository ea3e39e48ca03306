//! A script: requests in order. A later one may use what an earlier answer said, as `{name}` in its path or body.

use std::fmt;

use serde_json::Value;

#[derive(Debug, Clone)]
pub struct Step {
    pub method: &'static str,
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Option<String>,
    /// (name, JSON pointer into the answer).
    pub keep: Vec<(&'static str, &'static str)>,
    /// As the user alice, who may nothing until a script binds her a role.
    pub alice: bool,
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.method, self.path)?;
        if let Some(body) = &self.body {
            write!(formatter, " {}", body.chars().take(300).collect::<String>())?;
        }
        Ok(())
    }
}

fn step(method: &'static str, path: impl Into<String>, media: &str, body: Option<String>) -> Step {
    let headers = if body.is_some() { vec![("content-type", media.to_owned())] } else { Vec::new() };
    Step { method, path: path.into(), headers, body, keep: Vec::new(), alice: false }
}

pub fn get(path: impl Into<String>) -> Step {
    step("GET", path, "", None)
}

/// A watch that ends after a second: it tells what happened since the version in its path.
pub fn watch(path: &str) -> Step {
    let sign = if path.contains('?') { '&' } else { '?' };
    get(format!("{path}{sign}watch=true&timeoutSeconds=1"))
}

pub fn post(path: impl Into<String>, body: Value) -> Step {
    step("POST", path, "application/json", Some(body.to_string()))
}

pub fn put(path: impl Into<String>, body: Value) -> Step {
    step("PUT", path, "application/json", Some(body.to_string()))
}

pub fn patch(path: impl Into<String>, kind: &str, body: Value) -> Step {
    step("PATCH", path, &format!("application/{kind}"), Some(body.to_string()))
}

pub fn merge(path: impl Into<String>, body: Value) -> Step {
    patch(path, "merge-patch+json", body)
}

pub fn strategic(path: impl Into<String>, body: Value) -> Step {
    patch(path, "strategic-merge-patch+json", body)
}

pub fn json_patch(path: impl Into<String>, body: Value) -> Step {
    patch(path, "json-patch+json", body)
}

pub fn apply(path: impl Into<String>, body: Value) -> Step {
    patch(path, "apply-patch+yaml", body)
}

pub fn delete(path: impl Into<String>) -> Step {
    step("DELETE", path, "", None)
}

pub fn delete_with(path: impl Into<String>, body: Value) -> Step {
    step("DELETE", path, "application/json", Some(body.to_string()))
}

impl Step {
    pub fn accept(mut self, media: &str) -> Self {
        self.headers.push(("accept", media.to_owned()));
        self
    }

    pub fn media(mut self, media: &str) -> Self {
        self.headers.retain(|(name, _)| *name != "content-type");
        self.headers.push(("content-type", media.to_owned()));
        self
    }

    pub fn raw(mut self, body: &str) -> Self {
        self.body = Some(body.to_owned());
        self
    }

    pub fn keep(mut self, name: &'static str, pointer: &'static str) -> Self {
        self.keep.push((name, pointer));
        self
    }

    pub fn by_alice(mut self) -> Self {
        self.alice = true;
        self
    }
}
