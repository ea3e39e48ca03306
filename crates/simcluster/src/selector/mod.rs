//! Label and field selectors, with the server's grammar and messages. Not shared with the rest of the workspace: a
//! simulator that takes its parser from the code under test can't disagree with it.

mod field;
mod label;

use crate::error::ApiError;
use crate::object::Object;
use crate::resources::Resource;

pub(crate) use field::FieldSelector;
pub(crate) use label::LabelSelector;

/// What a list or watch asks for.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Empty for all.
    pub namespace: String,
    labels: LabelSelector,
    fields: FieldSelector,
}

impl Selection {
    /// # Errors
    /// When a selector can't be read, or asks for a field that the resource doesn't know.
    pub fn new(resource: &Resource, namespace: &str, labels: &str, fields: &str) -> Result<Self, ApiError> {
        Ok(Self {
            namespace: namespace.to_owned(),
            labels: LabelSelector::parse(labels)?,
            fields: FieldSelector::parse(fields, resource)?,
        })
    }

    pub fn in_namespace(namespace: &str) -> Self {
        Self { namespace: namespace.to_owned(), ..Self::default() }
    }

    /// Whether labels or fields are asked for, beyond the namespace.
    pub fn is_narrow(&self) -> bool {
        !self.labels.is_empty() || !self.fields.is_empty()
    }

    pub fn matches(&self, object: &Object) -> bool {
        (self.namespace.is_empty() || *self.namespace == *object.key.namespace)
            && self.fields.matches(object)
            && (self.labels.is_empty() || self.labels.matches(&object.labels()))
    }
}
