//! Label and field selectors with Kubernetes' full syntax and its exact meaning.
//!
//! The grammar is that of `k8s.io/apimachinery/pkg/labels` and `…/pkg/fields`, odd corners included: `a in ()`
//! means the empty value, `!=` and `notin` match objects without the label, `>` and `<` compare integers. A
//! differential test asks an API server the same questions.

mod field;
mod label;
mod validate;

pub use field::FieldSelector;
pub use label::{LabelSelector, Operator, Requirement};
