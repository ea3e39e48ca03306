//! Filters: what every kind can be filtered by, and the way from a filter to a query of the registry.

use std::time::Duration;

use async_graphql::{InputObject, InputType};
use cluster_registry::{Matches, Query};
use fleetgraph_core::{Error, FieldSelector, LabelSelector, Timestamp};

use crate::resource::ResourceKind;

/// What every kind can be filtered by. All conditions must hold.
#[derive(InputObject, Default, Clone)]
pub struct ResourceFilter {
    /// Ids of clusters. Everything if missing.
    pub clusters: Option<Vec<String>>,
    /// Names of namespaces. Everything if missing or empty.
    pub namespaces: Option<Vec<String>>,
    /// A label selector in Kubernetes' syntax, such as `app=cart,tier in (web,api),!canary`.
    pub label_selector: Option<String>,
    /// A field selector in Kubernetes' syntax, with the fields that the API server supports for the kind.
    pub field_selector: Option<String>,
    /// A pattern for the name: `*` stands for any characters, `?` for one.
    pub name: Option<String>,
    /// Only objects that are at least this old, such as `90s`, `15m`, `2h30m`, `7d`.
    pub older_than: Option<String>,
    /// Only objects that are at most this old.
    pub newer_than: Option<String>,
}

/// A kind's filter.
pub trait Filter<K: ResourceKind>: InputType + Default + Clone {
    /// What the filter has in common with those of the other kinds.
    fn common(&self) -> &ResourceFilter;

    /// The condition that only this kind knows.
    fn own(&self) -> Option<Matches<K>> {
        None
    }

    /// The field selector, with what the kind's own conditions add to it; those that are indexed belong here.
    fn fields(&self, fields: FieldSelector) -> FieldSelector {
        fields
    }

    /// The query for this filter; its page is not limited.
    ///
    /// # Errors
    /// When a selector or a duration can't be read.
    fn query(&self) -> Result<Query<K>, Error> {
        let common = self.common();
        let labels = common.label_selector.as_deref().map(LabelSelector::parse).transpose()?;
        let fields = common.field_selector.as_deref().map(FieldSelector::parse).transpose()?;
        let now = Timestamp::now();
        let before = age("olderThan", common.older_than.as_deref())?.map(|age| now.minus(age));
        let after = age("newerThan", common.newer_than.as_deref())?.map(|age| now.minus(age));
        let name = common.name.as_deref().map(Glob::new);
        let own = self.own();
        let plain = before.is_none() && after.is_none() && name.is_none();
        let matches: Option<Matches<K>> = if plain {
            own
        } else {
            Some(Box::new(move |entry| {
                before.is_none_or(|before| entry.meta.created.is_some_and(|created| created <= before))
                    && after.is_none_or(|after| entry.meta.created.is_some_and(|created| created >= after))
                    && name.as_ref().is_none_or(|name| name.matches(&entry.meta.name))
                    && own.as_ref().is_none_or(|own| own(entry))
            }))
        };
        Ok(Query {
            clusters: common.clusters.clone(),
            namespaces: common.namespaces.clone().unwrap_or_default(),
            labels: labels.unwrap_or_default(),
            fields: self.fields(fields.unwrap_or_default()),
            matches,
            ..Query::default()
        })
    }
}

impl<K: ResourceKind> Filter<K> for ResourceFilter {
    fn common(&self) -> &ResourceFilter {
        self
    }
}

pub fn age(argument: &str, text: Option<&str>) -> Result<Option<Duration>, Error> {
    text.map(|text| {
        humantime::parse_duration(text).map_err(|error| {
            Error::bad_input(format!(
                "{argument}: {text:?} isn't a duration such as 90s, 15m, 2h30m or 7d: {error}"
            ))
        })
    })
    .transpose()
}

/// A pattern with `*` and `?`.
pub struct Glob(Vec<char>);

impl Glob {
    #[must_use]
    pub fn new(pattern: &str) -> Self {
        Self(pattern.chars().collect())
    }

    /// Whether the whole text matches. Takes at most pattern × text steps.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let (pattern, text) = (&self.0, text.chars().collect::<Vec<_>>());
        let (mut p, mut t) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        while t < text.len() {
            match pattern.get(p) {
                Some('*') => {
                    star = Some((p, t));
                    p += 1;
                }
                Some(c) if *c == '?' || *c == text[t] => {
                    p += 1;
                    t += 1;
                }
                _ => match star {
                    // The last star takes one character more.
                    Some((at, taken)) => {
                        star = Some((at, taken + 1));
                        (p, t) = (at + 1, taken + 1);
                    }
                    None => return false,
                },
            }
        }
        pattern[p..].iter().all(|c| *c == '*')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters_and_a_question_mark_for_one() {
        for (pattern, text, expected) in [
            ("cart-*", "cart-7c6f", true),
            ("*-7c6f", "cart-7c6f", true),
            ("c*t-*f", "cart-7c6f", true),
            ("cart", "cart-7c6f", false),
            ("car?", "cart", true),
            ("car?", "car", false),
            ("*", "", true),
            ("", "x", false),
            ("a*b*c", "aXbXbXc", true),
        ] {
            assert_eq!(Glob::new(pattern).matches(text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_of_many_stars_ends() {
        assert!(!Glob::new(&"*a".repeat(50)).matches(&"a".repeat(49)));
    }

    #[test]
    fn a_duration_that_is_none_is_named() {
        let error = age("olderThan", Some("yesterday")).unwrap_err();
        assert!(error.message.contains("olderThan") && error.message.contains("yesterday"));
    }
}
