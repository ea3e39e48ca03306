//! A YAML file as a tree in which every key and value knows its line and column.
//!
//! ```text
//! text ──► Document ──► keys checked ──► typed values ──► meaning checked
//!             └──────── places ─────────────┴──────────────────┘
//! ```
//!
//! Typed deserialisation alone stops at the first fault and loses the places that the later checks need. The tree keeps
//! them, so that one run reports everything that is wrong, each with its line.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::Spanned;

use super::problem::{Mark, Problem, Problems};

/// A step of a path: a key of a mapping, or an index of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Key(String),
    Index(usize),
}

/// `clusters[1].qps`.
pub fn path_text(path: &[Step]) -> String {
    path.iter().fold(String::new(), |mut text, step| {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => text.extend([".", key]),
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
        text
    })
}

#[derive(Debug, Clone)]
pub struct Node {
    pub at: Mark,
    pub content: Content,
}

#[derive(Debug, Clone)]
pub enum Content {
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Debug, Clone)]
pub struct Entry {
    pub key: String,
    pub at: Mark,
    pub node: Node,
}

/// A parsed file and its name, and what flags or variables put in the place of its own values.
#[derive(Debug, Clone)]
pub struct Document {
    pub source: String,
    pub root: Node,
    /// Paths whose values came from elsewhere, and from where.
    replaced: Vec<(Vec<Step>, String)>,
}

impl Document {
    /// Parses YAML 1.2 (`no` and `yes` are text).
    ///
    /// # Errors
    /// The syntax error, with its place.
    pub fn parse(source: &str, text: &str) -> Result<Self, Problems> {
        let empty = Node { at: Mark::NOWHERE, content: Content::Scalar(Value::Null) };
        // A file of comments only is a valid configuration: all defaults.
        if text.lines().all(|line| matches!(line.trim_start().chars().next(), None | Some('#'))) {
            return Ok(Self { source: source.to_owned(), root: empty, replaced: Vec::new() });
        }
        let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
        let root = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
            let at = error.location().map(|at| Mark { line: at.line(), column: at.column() });
            let message = format!("not valid YAML: {}", without_place(&error.without_snippet().to_string()));
            Problems(vec![Problem { source: source.to_owned(), at, path: String::new(), message }])
        })?;
        Ok(Self { source: source.to_owned(), root, replaced: Vec::new() })
    }

    /// The place of a path, or of its nearest ancestor that exists; for a key, where the key stands.
    pub fn place(&self, path: &[Step]) -> Mark {
        let (mut node, mut at) = (&self.root, self.root.at);
        for step in path {
            match (step, &node.content) {
                (Step::Key(key), Content::Map(entries)) => match entries.iter().find(|e| e.key == *key) {
                    Some(entry) => (node, at) = (&entry.node, entry.at),
                    None => return at,
                },
                (Step::Index(index), Content::List(nodes)) => match nodes.get(*index) {
                    Some(next) => (node, at) = (next, next.at),
                    None => return at,
                },
                _ => return at,
            }
        }
        at
    }

    /// Sets the value at a dotted path, which `source` is to answer for.
    pub fn replace(&mut self, path: &str, value: Node, source: String) {
        let keys: Vec<_> = path.split('.').collect();
        self.root.set(&keys, value);
        self.replaced.push((keys.into_iter().map(|key| Step::Key(key.to_owned())).collect(), source));
    }

    pub fn problem(&self, path: &[Step], message: impl Into<String>) -> Problem {
        let source = self.replaced.iter().find(|(replaced, _)| path.starts_with(replaced));
        let at = self.place(path);
        Problem {
            source: source.map_or(&self.source, |(_, source)| source).clone(),
            at: (at != Mark::NOWHERE).then_some(at),
            path: path_text(path),
            message: message.into(),
        }
    }
}

impl Node {
    /// A text that stands in no file.
    pub fn text(text: &str) -> Self {
        Self { at: Mark::NOWHERE, content: Content::Scalar(text.into()) }
    }

    fn set(&mut self, keys: &[&str], value: Self) {
        let Some((first, rest)) = keys.split_first() else {
            *self = value;
            return;
        };
        // A value of another type in the way gives way: what is set here goes before it.
        if !matches!(self.content, Content::Map(_)) {
            self.content = Content::Map(Vec::new());
        }
        if let Content::Map(entries) = &mut self.content {
            let index = entries.iter().position(|entry| entry.key == *first).unwrap_or_else(|| {
                let node = Self { at: Mark::NOWHERE, content: Content::Scalar(Value::Null) };
                entries.push(Entry { key: (*first).to_owned(), at: Mark::NOWHERE, node });
                entries.len() - 1
            });
            if rest.is_empty() {
                entries[index].at = value.at;
            }
            entries[index].node.set(rest, value);
        }
    }

    /// The value without places. A key that is there without a value counts as absent, so that a section all of whose
    /// keys are commented out means its defaults.
    pub fn to_value(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::List(nodes) => nodes.iter().map(Self::to_value).collect(),
            Content::Map(entries) => Value::Object(
                entries
                    .iter()
                    .filter(|e| !matches!(e.node.content, Content::Scalar(Value::Null)))
                    .map(|e| (e.key.clone(), e.node.to_value()))
                    .collect(),
            ),
        }
    }

    /// Makes the value at a path absent; false when there is none. An element of a list becomes null, so that the
    /// indexes of the others stay what the reader sees.
    pub fn clear(&mut self, path: &[Step]) -> bool {
        let Some((step, rest)) = path.split_first() else {
            let cleared = !matches!(self.content, Content::Scalar(Value::Null));
            self.content = Content::Scalar(Value::Null);
            return cleared;
        };
        match (step, &mut self.content) {
            (Step::Key(key), Content::Map(entries)) => {
                entries.iter_mut().find(|e| e.key == *key).is_some_and(|e| e.node.clear(rest))
            }
            (Step::Index(index), Content::List(nodes)) => {
                nodes.get_mut(*index).is_some_and(|n| n.clear(rest))
            }
            _ => false,
        }
    }
}

/// The parser's message without the place that it repeats at its end.
fn without_place(message: &str) -> &str {
    message.split(" at line ").next().unwrap_or(message)
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Content>::deserialize(from)?;
        Ok(Self { at: mark(&spanned), content: spanned.value })
    }
}

fn mark<T>(spanned: &Spanned<T>) -> Mark {
    Mark { line: spanned.referenced.line(), column: spanned.referenced.column() }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Content, E> {
        Ok(Content::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Content, E> {
        Ok(Content::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Content, D::Error> {
        Content::deserialize(from)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Content, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = seq.next_element()? {
            nodes.push(node);
        }
        Ok(Content::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Content, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let at = mark(&key);
            entries.push(Entry { key: key.value, at, node: map.next_value()? });
        }
        Ok(Content::Map(entries))
    }
}
