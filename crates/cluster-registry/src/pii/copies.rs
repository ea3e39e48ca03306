//! Annotations in which tools keep the object as they applied it: what is taken out of an object has to be taken out of
//! its copies too.

/// Whether an annotation holds the object as a tool applied it, or its differences, by the names that tools use. Some
/// compress the copy, so that its text tells nothing.
#[must_use]
pub fn names_a_copy(annotation: &str) -> bool {
    let name = annotation.to_ascii_lowercase();
    name.contains("last-applied")
        || name.contains("lastapplied")
        // objectset.rio.cattle.io/applied
        || name.ends_with("/applied")
        // configmanagement.gke.io/declared-config
        || name.ends_with("/declared-config")
        // The object, its differences; the third is a checksum.
        || (name.starts_with("kapp.k14s.io/original") && !name.ends_with("-md5"))
}

/// Whether an annotation is such a copy: by its name or, for tools that aren't known, by the look of an object in JSON.
/// `value` is JSON itself, which escapes the quotes.
pub(super) fn is_copy(name: &str, value: &str) -> bool {
    names_a_copy(name) || value.contains(r#""apiVersion\"#) || value.contains(r#""metadata\"#)
}
