//! Requests to a router, and bytes to a server, as plainly as they can be made.

use axum::{Router, body::Body, response::Response};
use http::{Request, request::Builder};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

/// An answer, read to its end.
pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The code of the first error.
    pub fn code(&self) -> String {
        self.json()["errors"][0]["extensions"]["code"].as_str().unwrap_or_default().to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub const NEW: &str = "application/graphql-response+json";

/// Sends a request, to localhost if it says nothing else.
pub async fn send(router: &Router, mut request: Request<Body>) -> Answer {
    request.headers_mut().entry("host").or_insert(http::HeaderValue::from_static("localhost"));
    let response: Response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    Answer { status: parts.status.as_u16(), headers: parts.headers, body }
}

pub fn post() -> Builder {
    Request::post("/graphql").header("content-type", "application/json")
}

/// A POST of a document that accepts the newer media type.
pub fn ask(query: &str) -> Request<Body> {
    post().header("accept", NEW).body(json_body(query)).unwrap()
}

pub fn json_body(query: &str) -> Body {
    Body::from(serde_json::json!({ "query": query }).to_string())
}

/// A GET of a document.
pub fn get(query: &str) -> Builder {
    let encoded: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
    Request::get(format!("/graphql?query={encoded}"))
}

/// What a server answers to these bytes, until it closes the connection.
pub async fn exchange(server: &super::Server, request: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    super::within("the answer", async {
        let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    })
    .await
}
