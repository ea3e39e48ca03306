//! The closed list of error codes, and the one error type that may reach a caller.
//!
//! A code is part of the interface: clients branch on it. There is one mapping from a code to an HTTP status
//! and one to the text in `extensions.code`; both are exhaustive matches, so that a new code cannot be
//! forgotten in either.

use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal, $status:literal;)*) => {
        /// What went wrong, as a stable code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ErrorCode { $($(#[$doc])* $variant,)* }

        impl ErrorCode {
            /// Every code, for documents and tests.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$variant,)*];

            /// The text in `extensions.code` of a GraphQL error.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(ErrorCode::$variant => $text,)* }
            }

            /// The HTTP status of an answer that consists of this error alone.
            #[must_use]
            pub const fn http_status(self) -> u16 {
                match self { $(ErrorCode::$variant => $status,)* }
            }
        }
    };
}

codes! {
    /// An argument is malformed: an id, a selector, a cursor, a duration.
    BadUserInput = "BAD_USER_INPUT", 400;
    /// The request itself is malformed: not JSON, a missing query, a wrong parameter type.
    BadRequest = "BAD_REQUEST", 400;
    /// The document is not GraphQL.
    GraphqlParseFailed = "GRAPHQL_PARSE_FAILED", 400;
    /// The document does not fit the schema.
    GraphqlValidationFailed = "GRAPHQL_VALIDATION_FAILED", 400;
    /// Several requests in one body are not accepted.
    BatchingNotSupported = "BATCHING_NOT_SUPPORTED", 400;
    /// A selection is nested too deep.
    DepthLimit = "DEPTH_LIMIT", 400;
    /// The estimated size of the answer is too large.
    ComplexityLimit = "COMPLEXITY_LIMIT", 400;
    /// Too many aliases.
    AliasLimit = "ALIAS_LIMIT", 400;
    /// Too many fields at the root.
    RootFieldLimit = "ROOT_FIELD_LIMIT", 400;
    /// Too many directives.
    DirectiveLimit = "DIRECTIVE_LIMIT", 400;
    /// Too many tokens in the document.
    TokenLimit = "TOKEN_LIMIT", 400;
    /// The document is too long.
    DocumentTooLarge = "DOCUMENT_TOO_LARGE", 400;
    /// The schema is not told here.
    IntrospectionDisabled = "INTROSPECTION_DISABLED", 400;
    /// No document is known by this hash; send the document with it.
    PersistedQueryNotFound = "PERSISTED_QUERY_NOT_FOUND", 400;
    /// Documents are not kept here; send them with each request.
    PersistedQueryNotSupported = "PERSISTED_QUERY_NOT_SUPPORTED", 400;
    /// The document has another hash than the one that was sent with it.
    PersistedQueryMismatch = "PERSISTED_QUERY_MISMATCH", 400;
    /// Only documents of a list are executed, and this is none of them.
    DocumentNotTrusted = "DOCUMENT_NOT_TRUSTED", 403;
    /// The request body is too long.
    PayloadTooLarge = "PAYLOAD_TOO_LARGE", 413;
    /// The method is not allowed on this path, or not for this operation.
    MethodNotAllowed = "METHOD_NOT_ALLOWED", 405;
    /// None of the media types that the client accepts can be produced.
    NotAcceptable = "NOT_ACCEPTABLE", 406;
    /// The media type of the request body is not supported.
    UnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE", 415;
    /// The caller could not be identified.
    Unauthenticated = "UNAUTHENTICATED", 401;
    /// Who is calling can't be found out now: the issuer, the cluster or the catalog that would know doesn't answer.
    AuthenticationUnavailable = "AUTHENTICATION_UNAVAILABLE", 503;
    /// The caller may not do this.
    Forbidden = "FORBIDDEN", 403;
    /// Pages of this origin may not use the API.
    OriginNotAllowed = "ORIGIN_NOT_ALLOWED", 403;
    /// Nothing is served under the host that the request names.
    HostNotAllowed = "HOST_NOT_ALLOWED", 421;
    /// There is no such object, or the caller may not see it.
    NotFound = "NOT_FOUND", 404;
    /// There is no cluster with this id.
    ClusterNotFound = "CLUSTER_NOT_FOUND", 404;
    /// The cluster can't be reached now; what was seen of it before is still answered, with its age.
    ClusterUnavailable = "CLUSTER_UNAVAILABLE", 503;
    /// The cluster's first list of a kind isn't complete yet.
    ClusterSyncing = "CLUSTER_SYNCING", 503;
    /// The cluster refuses the credentials that fleetgraph is configured with.
    ClusterUnauthenticated = "CLUSTER_UNAUTHENTICATED", 502;
    /// The cluster does not let fleetgraph read a kind.
    ClusterForbidden = "CLUSTER_FORBIDDEN", 502;
    /// The cluster's certificate can't be trusted, or ours isn't accepted.
    ClusterTls = "CLUSTER_TLS", 502;
    /// What answered at the cluster's address isn't a Kubernetes API server.
    ClusterProtocol = "CLUSTER_PROTOCOL", 502;
    /// The cluster did not answer in time.
    ClusterTimeout = "CLUSTER_TIMEOUT", 504;
    /// The cluster asks for fewer requests.
    ClusterRateLimited = "CLUSTER_RATE_LIMITED", 429;
    /// The cluster no longer has the history that a watch asked for.
    ClusterGone = "CLUSTER_GONE", 410;
    /// The configuration of a cluster can't be used: a kubeconfig, a context, a plugin.
    ClusterConfig = "CLUSTER_CONFIG", 500;
    /// The object that the cluster sent can't be decoded.
    MalformedObject = "MALFORMED_OBJECT", 502;
    /// Something else has that name, or was changed meanwhile.
    Conflict = "CONFLICT", 409;
    /// What fleetgraph itself remembers (tokens, the audit trail) can't be reached now, and so nothing is changed.
    CatalogUnavailable = "CATALOG_UNAVAILABLE", 503;
    /// The server's configuration lacks what this needs; its operators can add it.
    NotConfigured = "NOT_CONFIGURED", 501;
    /// The request took longer than the configured time.
    Timeout = "TIMEOUT", 504;
    /// The caller sends too much.
    RateLimited = "RATE_LIMITED", 429;
    /// The server is draining; try another replica.
    ShuttingDown = "SHUTTING_DOWN", 503;
    /// A fault of fleetgraph's own; the request id leads to it in the log.
    Internal = "INTERNAL_ERROR", 500;
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error that a caller may see: a stable code, and a message that says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    pub code: ErrorCode,
    pub message: String,
    /// The cluster that the error is about, if it is about one.
    pub cluster: Option<crate::ClusterId>,
}

impl Error {
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), cluster: None }
    }

    /// An argument that can't be understood. Messages quote it: one of a megabyte is not sent back whole.
    #[must_use]
    pub fn bad_input(message: impl Into<String>) -> Self {
        let mut message = message.into();
        if let Some((end, _)) = message.char_indices().nth(MAX_MESSAGE) {
            message.truncate(end);
            message.push('…');
        }
        Self::new(ErrorCode::BadUserInput, message)
    }

    #[must_use]
    pub fn of_cluster(mut self, cluster: &crate::ClusterId) -> Self {
        self.cluster = Some(cluster.clone());
        self
    }
}

/// The most characters of a message that quotes what a caller sent.
const MAX_MESSAGE: usize = 2000;

#[cfg(test)]
mod tests {
    #[test]
    fn a_message_does_not_send_back_what_was_sent_without_measure() {
        let error = super::Error::bad_input("é".repeat(1_000_000));
        assert_eq!(error.message.chars().count(), super::MAX_MESSAGE + 1);
        assert!(error.message.ends_with("é…"));
    }

    use super::*;

    #[test]
    fn every_code_has_its_own_text_in_capitals() {
        let mut seen = std::collections::BTreeSet::new();
        for code in ErrorCode::ALL {
            assert!(code.as_str().chars().all(|c| c.is_ascii_uppercase() || c == '_'), "{code}");
            assert!(seen.insert(code.as_str()), "{code} stands twice");
            assert!((400..600).contains(&code.http_status()));
        }
    }
}
