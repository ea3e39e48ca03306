//! The program over a catalog that is kept, and commands over the same catalog. There is no cluster.

use std::path::PathBuf;

use catalog::{Catalog, Location, Settings, seal::Sealer};
use serde_json::{Value, json};

use crate::{
    bed::PATIENCE,
    client,
    server::{Server, begin, exchange, program},
};

/// An answer with its status and header.
pub struct Answer {
    pub status: u16,
    /// In small letters.
    pub head: String,
    /// As text, where it isn't JSON: an event stream that has ended.
    pub body: Value,
}

impl Answer {
    pub fn error(&self) -> &Value {
        &self.body["errors"][0]
    }

    /// The value of the header Retry-After.
    pub fn retry_after(&self) -> Option<u64> {
        let line = self.head.lines().find_map(|line| line.strip_prefix("retry-after: "))?;
        Some(line.trim().parse().unwrap())
    }
}

pub struct Kept {
    pub dir: tempfile::TempDir,
    pub config: String,
}

impl Kept {
    /// A directory for the catalog, and the configuration that names it, with more lines.
    pub fn new(more: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = format!("catalog:\n  directory: {}/catalog\n{more}", dir.path().display());
        Self { dir, config }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn serve(&self) -> Server {
        Server::configured(&self.config)
    }

    /// Runs a command over the catalog of this configuration: its exit code and all that it says.
    pub fn command_with(&self, config: &str, arguments: &[&str]) -> (Option<i32>, String) {
        self.command_in(config, arguments, &[])
    }

    /// The same, with these environment variables.
    pub fn command_in(
        &self,
        config: &str,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> (Option<i32>, String) {
        let file = self.path("command.yaml");
        std::fs::write(&file, config).unwrap();
        let mut command = program();
        command.args(arguments).arg("--config").arg(file).envs(variables.iter().copied());
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout) + &text(output.stderr))
    }

    pub fn command(&self, arguments: &[&str]) -> (Option<i32>, String) {
        self.command_with(&self.config, arguments)
    }

    /// The same of a command that must succeed.
    pub fn done(&self, arguments: &[&str]) -> String {
        let (code, text) = self.command(arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {text}");
        text
    }

    /// The API token of a user.
    pub fn token(&self, user: &str, arguments: &[&str]) -> String {
        let create = ["token", "create", "--name=test", "--user", user];
        self.done(&[&create, arguments].concat()).trim().to_owned()
    }

    /// The catalog itself.
    pub async fn catalog(&self, sealer: Sealer) -> Catalog {
        let settings = Settings::new(Location::Directory(self.path("catalog")));
        Catalog::open(&settings, sealer).await.unwrap()
    }
}

const POST: &str = "POST /graphql";

fn request(query: &str) -> String {
    json!({ "query": query }).to_string()
}

/// Asks as the bearer of a token, and wants this media type.
pub async fn ask(server: &Server, token: &str, accept: &str, query: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [("content-type", "application/json"), ("accept", accept), ("authorization", &bearer)];
    let request = request(query);
    let answered = tokio::time::timeout(PATIENCE, exchange(server.http(), POST, &headers, &request)).await;
    let (status, head, body) = answered.unwrap_or_else(|_| panic!("no end of the answer to {query}"));
    Answer { status, head, body: serde_json::from_str(&body).unwrap_or(Value::String(body)) }
}

/// Opens an event stream, and returns when it is open or refused.
pub async fn stream(server: &Server, token: &str, query: &str) -> (u16, tokio::net::TcpStream) {
    let bearer = format!("Bearer {token}");
    let headers =
        [("content-type", "application/json"), ("accept", "text/event-stream"), ("authorization", &bearer)];
    begin(server.http(), POST, &headers, &request(query)).await
}

/// Data that must be answered.
pub async fn data(server: &Server, token: &str, query: &str) -> Value {
    let mut answer = client::answer_as(server.http(), token, query, json!({})).await;
    assert!(answer.get("errors").is_none(), "{query}: {answer}");
    answer["data"].take()
}
