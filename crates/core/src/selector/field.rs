//! Field selectors: `status.phase=Running,spec.nodeName!=node-1`.

use std::borrow::Cow;

use crate::{Error, KindMeta};

/// A conjunction of comparisons. An empty one matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct FieldSelector(Vec<Term>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Term {
    field: String,
    value: String,
    equal: bool,
}

impl FieldSelector {
    /// Parses a selector: terms of `=`, `==` or `!=`, parted by commas; `\,`, `\=` and `\\` stand for themselves.
    ///
    /// # Errors
    /// When the API server would refuse it too.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let fail = |reason: String| Error::bad_input(format!("field selector {text:?}: {reason}"));
        let mut terms = Vec::new();
        for part in split_terms(text) {
            if part.is_empty() {
                continue;
            }
            let (field, equal, value) = split_term(part)
                .ok_or_else(|| fail(format!("{part:?} has none of the operators =, == and !=")))?;
            let value = unescape(value).map_err(fail)?;
            terms.push(Term { field: field.to_owned(), value, equal });
        }
        Ok(Self(terms))
    }

    /// Refuses fields that the API server's selectors don't support for this kind.
    ///
    /// # Errors
    /// Names the field, and those that may be used.
    pub fn check(&self, kind: &KindMeta, fields: &[&str]) -> Result<(), Error> {
        for term in &self.0 {
            let common =
                term.field == "metadata.name" || (term.field == "metadata.namespace" && kind.namespaced);
            if !common && !fields.contains(&term.field.as_str()) {
                let mut known = vec!["metadata.name"];
                if kind.namespaced {
                    known.push("metadata.namespace");
                }
                known.extend(fields);
                return Err(Error::bad_input(format!(
                    "field selector: {:?} can't be selected on for {}; use one of {}",
                    term.field,
                    kind.plural,
                    known.join(", ")
                )));
            }
        }
        Ok(())
    }

    /// The same selector, and a field that must have a value.
    #[must_use]
    pub fn and(mut self, field: &str, value: &str) -> Self {
        self.0.push(Term { field: field.to_owned(), value: value.to_owned(), equal: true });
        self
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every term holds for the values that `get` gives.
    pub fn matches<'a>(&self, get: impl Fn(&str) -> Cow<'a, str>) -> bool {
        self.0.iter().all(|term| (get(&term.field) == term.value.as_str()) == term.equal)
    }

    /// The value that every match has in this field, if the selector fixes it: the way into an index.
    #[must_use]
    pub fn exact(&self, field: &str) -> Option<&str> {
        self.0.iter().find(|term| term.equal && term.field == field).map(|term| term.value.as_str())
    }
}

fn split_terms(text: &str) -> Vec<&str> {
    let mut terms = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                terms.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    terms.push(&text[start..]);
    terms
}

fn split_term(term: &str) -> Option<(&str, bool, &str)> {
    let mut escaped = false;
    for (at, c) in term.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if let Some(value) = term[at..].strip_prefix("!=") {
            return Some((&term[..at], false, value));
        } else if let Some(value) = term[at..].strip_prefix("==").or_else(|| term[at..].strip_prefix('=')) {
            return Some((&term[..at], true, value));
        }
    }
    None
}

fn unescape(value: &str) -> Result<String, String> {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(c @ ('\\' | ',' | '=')) => out.push(c),
                other => {
                    let other = other.map(String::from).unwrap_or_default();
                    return Err(format!("\\{other} isn't an escape; only \\\\, \\, and \\= are"));
                }
            },
            ',' | '=' => return Err(format!("'{c}' in the value {value:?} must be written as '\\{c}'")),
            c => out.push(c),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(selector: &str) -> bool {
        FieldSelector::parse(selector).unwrap().matches(|field| {
            Cow::Borrowed(match field {
                "status.phase" => "Running",
                "odd" => "a,b=c\\d",
                _ => "",
            })
        })
    }

    #[test]
    fn terms_compare_exact_values() {
        assert!(matches(""));
        assert!(matches("status.phase=Running,spec.nodeName="));
        assert!(matches("status.phase==Running"));
        assert!(!matches("status.phase!=Running"));
        assert!(matches(r"odd=a\,b\=c\\d"));
    }

    #[test]
    fn broken_terms_are_refused() {
        for text in ["status.phase", "a=b=c", r"a=\x", r"a=\"] {
            assert!(FieldSelector::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_field_that_is_not_selectable_is_named_with_those_that_are() {
        let kind = KindMeta {
            group: "",
            version: "v1",
            kind: "Pod",
            plural: "pods",
            singular: "pod",
            namespaced: true,
            rules: &[],
        };
        let error = FieldSelector::parse("spec.foo=1").unwrap().check(&kind, &["spec.nodeName"]).unwrap_err();
        assert!(error.message.contains("spec.foo") && error.message.contains("spec.nodeName"), "{error}");
    }

    proptest! {
        #[test]
        fn any_value_can_be_escaped_and_read_back(value in ".{0,30}") {
            let escaped = value.replace('\\', r"\\").replace(',', r"\,").replace('=', r"\=");
            let selector = FieldSelector::parse(&format!("f={escaped}")).unwrap();
            prop_assert_eq!(selector.exact("f"), Some(value.as_str()));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,60}") {
            let _ = FieldSelector::parse(&text);
        }
    }
}
