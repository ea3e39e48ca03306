//! Label selectors: `app=cart,tier in (web,api),!canary,generation>3`.

use std::collections::BTreeSet;

use super::validate;
use crate::{Error, IndexKey, Labels};

/// A conjunction of requirements. An empty one matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct LabelSelector(Vec<Requirement>);

/// One requirement of a selector.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Requirement {
    pub key: String,
    pub operator: Operator,
}

/// What a requirement asks of its key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Operator {
    Exists,
    DoesNotExist,
    /// `=`, `==` and `in`.
    In(BTreeSet<String>),
    /// `!=` and `notin`: also true where the label is missing.
    NotIn(BTreeSet<String>),
    GreaterThan(i64),
    LessThan(i64),
}

impl Requirement {
    fn matches(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.key);
        let number = |v: &str| v.parse::<i64>().ok();
        match &self.operator {
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::In(values) => value.is_some_and(|v| values.contains(v)),
            Operator::NotIn(values) => value.is_none_or(|v| !values.contains(v)),
            Operator::GreaterThan(limit) => value.and_then(number).is_some_and(|v| v > *limit),
            Operator::LessThan(limit) => value.and_then(number).is_some_and(|v| v < *limit),
        }
    }
}

impl LabelSelector {
    /// Parses a selector.
    ///
    /// # Errors
    /// When the API server would refuse it too; the message says where and why.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Parser { tokens: lex(text), at: 0 }
            .selector()
            .map(Self)
            .map_err(|reason| Error::bad_input(format!("label selector {text:?}: {reason}")))
    }

    /// The selector of `matchLabels`: every pair must be present.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(key, value)| Requirement {
                    key: key.to_owned(),
                    operator: Operator::In(BTreeSet::from([value.to_owned()])),
                })
                .collect(),
        )
    }

    /// A selector of the given requirements.
    #[must_use]
    pub fn from_requirements(requirements: Vec<Requirement>) -> Self {
        Self(requirements)
    }

    #[must_use]
    pub fn matches(&self, labels: &Labels) -> bool {
        self.0.iter().all(|requirement| requirement.matches(labels))
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A pair that every match carries, if the selector names one: the way into the label index.
    #[must_use]
    fn exact_pair(&self) -> Option<(&str, &str)> {
        self.0.iter().find_map(|requirement| match &requirement.operator {
            Operator::In(values) if values.len() == 1 => {
                values.first().map(|value| (requirement.key.as_str(), value.as_str()))
            }
            _ => None,
        })
    }

    /// The key of the label index that every match stands under, if there is one.
    #[must_use]
    pub fn index_key(&self) -> Option<IndexKey<'_>> {
        self.exact_pair().map(|(key, value)| IndexKey::Label(key, value))
    }

    /// The pair under which an index files the selector: one that every match carries, or the empty pair.
    #[must_use]
    pub fn filed_under(&self) -> (&str, &str) {
        self.exact_pair().unwrap_or(("", ""))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    /// One of `! = == != > < ( ) ,`.
    Symbol(&'static str),
    Unknown(String),
}

const SYMBOLS: [&str; 9] = ["==", "!=", "=", "!", ">", "<", "(", ")", ","];

fn is_symbol(c: char) -> bool {
    matches!(c, '=' | '!' | '(' | ')' | ',' | '>' | '<')
}

fn lex(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if matches!(c, ' ' | '\t' | '\r' | '\n') {
            rest = &rest[1..];
        } else if let Some(symbol) = SYMBOLS.iter().find(|s| rest.starts_with(**s)) {
            tokens.push(Token::Symbol(symbol));
            rest = &rest[symbol.len()..];
        } else if c == '\0' {
            // The reference lexer takes a NUL for the end of its input.
            tokens.push(Token::Unknown("\0".to_owned()));
            return tokens;
        } else {
            let end = rest
                .find(|c: char| is_symbol(c) || matches!(c, ' ' | '\t' | '\r' | '\n' | '\0'))
                .unwrap_or(rest.len());
            tokens.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        }
    }
    tokens
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn peek_symbol(&self, symbol: &str) -> bool {
        matches!(self.peek(), Some(Token::Symbol(s)) if *s == symbol)
    }

    fn selector(&mut self) -> Result<Vec<Requirement>, String> {
        let mut requirements = Vec::new();
        if self.peek().is_none() {
            return Ok(requirements);
        }
        loop {
            requirements.push(self.requirement()?);
            match self.next() {
                None => return Ok(requirements),
                Some(Token::Symbol(",")) => {}
                Some(other) => return Err(format!("found {}, expected ',' or the end", show(Some(&other)))),
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let negated = self.take("!");
        let key = match self.next() {
            Some(Token::Word(word)) => word,
            other => return Err(format!("found {}, expected a label key", show(other.as_ref()))),
        };
        validate::label_key(&key)?;
        let operator = if negated {
            Operator::DoesNotExist
        } else if self.peek().is_none() || self.peek_symbol(",") {
            Operator::Exists
        } else {
            self.operator(&key)?
        };
        Ok(Requirement { key, operator })
    }

    fn operator(&mut self, key: &str) -> Result<Operator, String> {
        let token = self.next();
        match &token {
            Some(Token::Symbol("=" | "==")) => Ok(Operator::In(BTreeSet::from([self.value()?]))),
            Some(Token::Symbol("!=")) => Ok(Operator::NotIn(BTreeSet::from([self.value()?]))),
            Some(Token::Symbol(">")) => self.integer(key).map(Operator::GreaterThan),
            Some(Token::Symbol("<")) => self.integer(key).map(Operator::LessThan),
            Some(Token::Word(word)) if word == "in" => self.values().map(Operator::In),
            Some(Token::Word(word)) if word == "notin" => self.values().map(Operator::NotIn),
            other => Err(format!(
                "found {}, expected one of = == != in notin > < after {key:?}",
                show(other.as_ref())
            )),
        }
    }

    /// A value, or nothing before a comma or the end: the empty value.
    fn value(&mut self) -> Result<String, String> {
        if self.peek().is_none() || self.peek_symbol(",") {
            return Ok(String::new());
        }
        match self.next() {
            Some(Token::Word(word)) => validate::label_value(&word).map(|()| word),
            other => Err(format!("found {}, expected a value", show(other.as_ref()))),
        }
    }

    fn integer(&mut self, key: &str) -> Result<i64, String> {
        let value = self.value()?;
        value.parse().map_err(|_| format!("{value:?} after {key:?} must be a whole number for '>' or '<'"))
    }

    /// `(a,b)`. An empty place, as in `()`, `(,a)` or `(a,)`, is the empty value.
    fn values(&mut self) -> Result<BTreeSet<String>, String> {
        if !self.take("(") {
            return Err(format!("found {}, expected '('", show(self.peek())));
        }
        let mut values = BTreeSet::new();
        if self.take(")") {
            values.insert(String::new());
            return Ok(values);
        }
        // The reference parser's loop, so that what it refuses, such as `(a,,)`, is refused here too.
        loop {
            match self.next() {
                Some(Token::Word(word)) => {
                    validate::label_value(&word)?;
                    values.insert(word);
                    if self.take(")") {
                        return Ok(values);
                    }
                    if !self.peek_symbol(",") {
                        return Err(format!("found {}, expected ',' or ')'", show(self.peek())));
                    }
                }
                Some(Token::Symbol(",")) => {
                    if values.is_empty() {
                        values.insert(String::new());
                    }
                    if self.take(")") {
                        values.insert(String::new());
                        return Ok(values);
                    }
                    if self.take(",") {
                        values.insert(String::new());
                    }
                }
                other => return Err(format!("found {}, expected a value, ',' or ')'", show(other.as_ref()))),
            }
        }
    }

    /// Passes a symbol, if it comes next.
    fn take(&mut self, symbol: &str) -> bool {
        let found = self.peek_symbol(symbol);
        self.at += usize::from(found);
        found
    }
}

fn show(token: Option<&Token>) -> String {
    match token {
        None => "the end".to_owned(),
        Some(Token::Word(word) | Token::Unknown(word)) => format!("{word:?}"),
        Some(Token::Symbol(symbol)) => format!("'{symbol}'"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        Labels::from_pairs(pairs.iter().copied())
    }

    #[test]
    fn a_selector_means_what_the_api_server_means() {
        let cart = labels(&[("app", "cart"), ("tier", "web"), ("n", "5"), ("empty", "")]);
        for (selector, expected) in [
            ("", true),
            ("app=cart", true),
            ("app==cart, tier = web", true),
            ("app!=cart", false),
            ("missing!=x", true),
            ("tier in (web, api)", true),
            ("tier notin (web)", false),
            ("missing notin (x)", true),
            ("app", true),
            ("!app", false),
            ("!missing", true),
            ("n>4,n<6", true),
            ("n>5", false),
            ("app>1", false),
            ("empty=", true),
            ("empty in ()", true),
            ("app in (,cart)", true),
            ("in in (x)", false),
        ] {
            assert_eq!(LabelSelector::parse(selector).unwrap().matches(&cart), expected, "{selector}");
        }
    }

    #[test]
    fn what_the_api_server_refuses_is_refused_with_a_reason() {
        for text in [
            "=",
            "a=b=c",
            "a in",
            "a in x",
            "a in (x",
            "a b",
            "!a=b",
            ",a",
            "a,",
            "a>x",
            "a=-",
            "-a",
            "a/b/c=d",
            "a!==b",
            "a in (b,,)",
            "a in (,,)",
        ] {
            assert!(LabelSelector::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_index_is_entered_by_an_exact_pair() {
        assert_eq!(LabelSelector::parse("!x,a=b,c in (d)").unwrap().exact_pair(), Some(("a", "b")));
        assert_eq!(LabelSelector::parse("a in (b,c)").unwrap().exact_pair(), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,60}") {
            let _ = LabelSelector::parse(&text);
        }

        #[test]
        fn a_requirement_and_its_opposite_never_agree(
            key in "[a-z]{1,3}", value in "[a-z]{0,3}",
            pairs in proptest::collection::btree_map("[a-z]{1,3}", "[a-z]{0,3}", 0..6),
        ) {
            let labels = Labels::from_pairs(pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())));
            for (yes, no) in [
                (format!("{key}={value}"), format!("{key}!={value}")),
                (format!("{key} in ({value},x)"), format!("{key} notin ({value},x)")),
                (key.clone(), format!("!{key}")),
            ] {
                let (yes, no) = (LabelSelector::parse(&yes).unwrap(), LabelSelector::parse(&no).unwrap());
                prop_assert_ne!(yes.matches(&labels), no.matches(&labels));
            }
        }
    }
}
