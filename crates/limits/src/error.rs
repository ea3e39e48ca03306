//! What a document is refused for.

use async_graphql::ServerError;
use fleetgraph_core::ErrorCode;

/// A limit that a document exceeds. The text is for its author, so it says the limit and, where one can, the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    #[error("the document has {actual} bytes, and may have {max} at most")]
    DocumentTooLarge { actual: usize, max: usize },
    #[error("the document may have {max} tokens at most")]
    Tokens { max: usize },
    #[error("the document has a block string (\"\"\") that doesn't end")]
    UnfinishedBlockString,
    #[error("the document may have {max} brackets inside each other at most")]
    Nesting { max: usize },
    #[error("selection sets may be nested {max} deep at most, with those of fragments")]
    SelectionSets { max: usize },
    #[error("fields may be nested {max} deep at most")]
    Depth { max: usize },
    #[error("the operation has {actual} fields at its root, and may have {max} at most")]
    RootFields { actual: u64, max: u64 },
    #[error("the operation has {actual} aliases, and may have {max} at most")]
    Aliases { actual: u64, max: u64 },
    #[error("the operation has {actual} directives, and may have {max} at most")]
    Directives { actual: u64, max: u64 },
    #[error(
        "the operation has {actual} selections with its fragments written out, and may have {max} at most"
    )]
    Selections { actual: u64, max: u64 },
    #[error(
        "the answer is estimated at {actual} nodes, and may have {max} at most; \
         ask for fewer objects by first, last or limit, or for fewer fields"
    )]
    Complexity { actual: u64, max: u64 },
    #[error("the schema is not told here: __schema and __type are switched off")]
    Introspection,
    #[error("a subscription has one field at its root; this one has {actual}")]
    SubscriptionFields { actual: u64 },
    #[error("the fragment {name:?} contains itself")]
    FragmentCycle { name: String },
}

impl LimitError {
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::DocumentTooLarge { .. } => ErrorCode::DocumentTooLarge,
            Self::Tokens { .. } => ErrorCode::TokenLimit,
            Self::UnfinishedBlockString => ErrorCode::GraphqlParseFailed,
            Self::Nesting { .. } | Self::SelectionSets { .. } | Self::Depth { .. } => ErrorCode::DepthLimit,
            Self::RootFields { .. } => ErrorCode::RootFieldLimit,
            Self::Aliases { .. } => ErrorCode::AliasLimit,
            Self::Directives { .. } => ErrorCode::DirectiveLimit,
            Self::Selections { .. } | Self::Complexity { .. } => ErrorCode::ComplexityLimit,
            Self::Introspection => ErrorCode::IntrospectionDisabled,
            Self::FragmentCycle { .. } | Self::SubscriptionFields { .. } => {
                ErrorCode::GraphqlValidationFailed
            }
        }
    }
}

impl From<LimitError> for ServerError {
    fn from(error: LimitError) -> Self {
        let mut server_error = Self::new(error.to_string(), None);
        server_error.extensions.get_or_insert_default().set("code", error.code().as_str());
        server_error
    }
}
