//! The limits of a document, each with what it protects.

use serde::{Deserialize, Serialize};

/// Limits of a GraphQL document. They are checked before anything is executed; a document above one is answered with
/// an error that names the limit, under that limit's code.
///
/// The defaults admit a plain list of 10,000 objects with ten fields each, and, where it is on, the introspection of every common
/// tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Length of a document at most, in bytes. Code DOCUMENT_TOO_LARGE.
    pub max_document_bytes: usize,
    /// Tokens of a document at most: names, numbers, strings, punctuators. Counted before parsing, since parsing costs
    /// far more than counting. Code TOKEN_LIMIT.
    pub max_tokens: usize,
    /// Fields inside each other at most, whether through fragments or not. Standard introspection needs 15. Code
    /// DEPTH_LIMIT.
    pub max_depth: usize,
    /// Fields at the root of an operation at most, with those that fragments bring in. Code ROOT_FIELD_LIMIT.
    pub max_root_fields: u64,
    /// Aliases of an operation at most, with those that fragments bring in, as often as they do. Code ALIAS_LIMIT.
    pub max_aliases: u64,
    /// Directives of an operation at most, counted like aliases. Code DIRECTIVE_LIMIT.
    pub max_directives: u64,
    /// Selections (fields, spreads, inline fragments) of an operation at most once all fragments are written out. It
    /// bounds the time of validation. Code COMPLEXITY_LIMIT.
    pub max_selections: u64,
    /// Estimated nodes of the answer at most: each object and each field counts one, times the sizes of the lists
    /// around it. Code COMPLEXITY_LIMIT.
    pub max_complexity: u64,
    /// Objects at most that an answer, or one event of a subscription, may really hold by relations, each as often as it
    /// stands there: the estimate knows no lengths of lists inside of objects. Code COMPLEXITY_LIMIT.
    pub max_related_objects: u64,
    /// Whether the schema may be asked for (`__schema`, `__type`). `__typename` always may, and `_service`, which a
    /// federation needs. Explorers and code generators need it; the first page does not. Code INTROSPECTION_DISABLED.
    pub introspection: bool,
    /// The size that is assumed of a list at the root that no argument bounds.
    pub assumed_list_size: u64,
    /// The size that is assumed of a list inside another object that no argument bounds. It is small, since the pods
    /// of each deployment are together no more than all pods.
    pub assumed_nested_list_size: u64,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            max_document_bytes: 128 * 1024,
            max_tokens: 10_000,
            max_depth: 20,
            max_root_fields: 50,
            max_aliases: 200,
            max_directives: 200,
            max_selections: 20_000,
            max_complexity: 1_000_000,
            max_related_objects: 200_000,
            introspection: false,
            assumed_list_size: 100,
            assumed_nested_list_size: 10,
        }
    }
}
