//! The differences that are allowed. Few, each with its reason.

use crate::compare::Difference;
use crate::script::Step;

/// (where: the end of the place or a part of the path, why)
const ANYWHERE: &[(&str, &str)] = &[
    (".managedFields", "who set which field is kept for apply alone, and costs more memory than the object"),
];

pub fn is_allowed(_step: &Step, difference: &Difference) -> bool {
    ANYWHERE.iter().any(|(end, _)| difference.at.ends_with(end))
}
