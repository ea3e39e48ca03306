//! Paths of JSON, as rules name what they mask: `data.*`, `spec.customer.email`, `metadata.annotations.shop\.example/mail`.

use std::{fmt, sync::Arc};

/// The longest path, in bytes.
const MAX_LENGTH: usize = 1024;

/// A path that was read and may be masked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldPath {
    text: Arc<str>,
    segments: Vec<Segment>,
}

/// A step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Segment {
    /// The value of a key. A list is gone through: the step is taken in each of its items.
    Key(String),
    /// Each value of an object, each item of a list.
    Each,
    /// An annotation that holds a copy of the object.
    Copy,
}

/// Why a path is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    #[error("an empty path names the whole object; write one such as data.* or spec.customer.email")]
    Empty,
    #[error("{0:?} is longer than {MAX_LENGTH} bytes")]
    TooLong(String),
    #[error("{0:?} has an empty step; a dot that is part of a key is written \\.")]
    EmptyStep(String),
    #[error("{0:?} ends within an escape; write \\. for a dot and \\\\ for a backslash")]
    Escape(String),
    #[error("{0:?} has brackets; write .* for each item of a list")]
    Brackets(String),
    #[error("{0:?}: ** is no step; a path masks all that lies below it, and * stands for each key or item")]
    DoubleStar(String),
    #[error(
        "{0:?} would mask what identifies objects or finds them (apiVersion, kind, metadata but for \
         metadata.annotations); mask other fields"
    )]
    Identity(String),
}

impl FieldPath {
    /// Reads a path.
    ///
    /// # Errors
    /// When it is no path, or one of what identifies objects.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let told = || text.chars().take(80).collect::<String>();
        match text {
            "" => return Err(PathError::Empty),
            text if text.len() > MAX_LENGTH => return Err(PathError::TooLong(told())),
            _ => {}
        }
        let segments = split(text)
            .ok_or_else(|| PathError::Escape(told()))?
            .into_iter()
            .map(|(step, escaped)| match step.as_str() {
                "" => Err(PathError::EmptyStep(told())),
                "*" if !escaped => Ok(Segment::Each),
                "**" if !escaped => Err(PathError::DoubleStar(told())),
                step if !escaped && step.contains(['[', ']', '{', '}']) => Err(PathError::Brackets(told())),
                _ => Ok(Segment::Key(step)),
            })
            .collect::<Result<Vec<_>, _>>()?;
        if is_identity(&segments) {
            return Err(PathError::Identity(told()));
        }
        Ok(Self { text: Arc::from(text), segments })
    }

    /// The annotations that hold copies of the object.
    pub(super) fn copies() -> Self {
        let segments =
            vec![Segment::Key("metadata".to_owned()), Segment::Key("annotations".to_owned()), Segment::Copy];
        Self { text: Arc::from(""), segments }
    }

    pub(super) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// As it was written.
    pub(super) fn text(&self) -> &Arc<str> {
        &self.text
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The steps, and whether each has an escape; `None` where one ends too early.
fn split(text: &str) -> Option<Vec<(String, bool)>> {
    let mut steps = vec![(String::new(), false)];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == '.' {
            steps.push((String::new(), false));
            continue;
        }
        let (step, escaped) = steps.last_mut()?;
        if c == '\\' {
            step.push(chars.next()?);
            *escaped = true;
        } else {
            step.push(c);
        }
    }
    Some(steps)
}

/// A key as a step of a path.
pub(super) fn escaped(key: &str) -> String {
    key.replace('\\', "\\\\").replace('.', "\\.")
}

/// Objects are found, told apart, related and selected by these; annotations are the one part of the metadata that is not.
fn is_identity(segments: &[Segment]) -> bool {
    match segments {
        [Segment::Key(first), rest @ ..] => match first.as_str() {
            "apiVersion" | "kind" => true,
            "metadata" => !matches!(rest, [Segment::Key(second), ..] if second == "annotations"),
            _ => false,
        },
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Segment {
        Segment::Key(text.to_owned())
    }

    #[test]
    fn a_path_is_steps_between_dots() {
        for (text, expected) in [
            ("spec", vec![key("spec")]),
            ("data.*", vec![key("data"), Segment::Each]),
            ("spec.customers.*.email", vec![key("spec"), key("customers"), Segment::Each, key("email")]),
            (
                r"metadata.annotations.shop\.example/mail",
                vec![key("metadata"), key("annotations"), key("shop.example/mail")],
            ),
            (r"data.\*", vec![key("data"), key("*")]),
            (r"data.a\[0\]", vec![key("data"), key("a[0]")]),
            (r"data.a\\b", vec![key("data"), key(r"a\b")]),
        ] {
            let path = FieldPath::parse(text).unwrap();
            assert_eq!(path.segments, expected, "{text}");
            assert_eq!(path.to_string(), text);
        }
        assert_eq!(
            FieldPath::parse(&format!("data.{}", escaped(r"a.b\c"))).unwrap().segments[1],
            key(r"a.b\c")
        );
    }

    #[test]
    fn what_identifies_objects_can_not_be_masked() {
        for text in [
            "apiVersion",
            "kind",
            "kind.x",
            "metadata",
            "metadata.*",
            "metadata.name",
            "metadata.namespace",
            "metadata.uid",
            "metadata.labels",
            "metadata.labels.app",
            "metadata.ownerReferences.*.name",
            "metadata.resourceVersion",
            "metadata.*.contact",
            "*",
            "*.name",
        ] {
            let error = FieldPath::parse(text).unwrap_err();
            assert_eq!(error, PathError::Identity(text.to_owned()));
            assert!(error.to_string().contains(text), "{error}");
        }
        for text in ["metadata.annotations", "metadata.annotations.*", "spec.metadata.name", "metadatas"] {
            assert!(FieldPath::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", "empty path"),
            (".spec", "empty step"),
            ("spec..x", "empty step"),
            ("spec.", "empty step"),
            ("spec.**", "no step"),
            ("spec.hosts[*]", "brackets"),
            ("{.spec}", "brackets"),
            ("spec\\", "escape"),
            (&"a".repeat(2000), "longer"),
        ] {
            let error = FieldPath::parse(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
