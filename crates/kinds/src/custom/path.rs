//! JSONPath as Kubernetes writes it (`.spec.hosts[*]`, `{.status.conditions[?(@.type=="Ready")].status}`,
//! `.metadata.labels.app\.kubernetes\.io/name`), made into the standard's (RFC 9535), which a library evaluates.

use fleetgraph_core::Error;
use jsonpath_rust::{parser::model::JpQuery, parser::parse_json_path, query::js_path_process};
use serde_json::Value;

/// A path that was read.
pub struct Path(JpQuery);

/// The longest path.
const MAX_LENGTH: usize = 1024;

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// When it is no JSONPath, or has what Kubernetes' paths don't have: functions, nested conditions, unions, and more
    /// than one `..`. With these, a short text could cost the library hours.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if let Some(reason) = refused(text) {
            return Err(Error::bad_input(format!("the JSONPath {reason}")));
        }
        parse_json_path(&standard(text)).map(Self).map_err(|error| {
            Error::bad_input(format!("{text:?} is no JSONPath such as .spec.names[*]: {error}"))
        })
    }

    /// The values that it leads to.
    #[must_use]
    pub fn values<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        let found = js_path_process(&self.0, value).unwrap_or_default();
        found.into_iter().map(|reference| reference.val()).collect()
    }

    /// The strings that it leads to, those of lists included.
    #[must_use]
    pub fn texts(&self, value: &Value) -> Vec<String> {
        let mut texts = Vec::new();
        for value in self.values(value) {
            match value {
                Value::String(text) => texts.push(text.clone()),
                Value::Array(list) => {
                    texts.extend(list.iter().filter_map(|value| value.as_str().map(str::to_owned)));
                }
                _ => {}
            }
        }
        texts
    }
}

/// Why a path is not even looked at, if it isn't.
fn refused(text: &str) -> Option<String> {
    if text.len() > MAX_LENGTH {
        return Some(format!("has {} bytes; at most {MAX_LENGTH} are read", text.len()));
    }
    let (mut quote, mut before, mut brackets, mut descents) = (None, ' ', 0_usize, 0_usize);
    let mut conditions = 0_usize;
    for c in text.chars() {
        match (quote, c) {
            (Some(open), c) if c == open && before != '\\' => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(') if before != '?' => {
                return Some("may have no functions and no nested conditions".into());
            }
            (None, '[') => brackets += 1,
            (None, ']') => brackets = brackets.saturating_sub(1),
            (None, '?') => conditions += 1,
            (None, ',') if brackets > 0 => return Some("may name one thing in brackets only".into()),
            (None, '.') if before == '.' => descents += 1,
            _ => {}
        }
        if !c.is_whitespace() {
            before = c;
        }
        if brackets > 2 || conditions > 4 || descents > 1 {
            return Some(
                "is too deep: at most one `..`, four conditions, and no brackets within conditions".into(),
            );
        }
    }
    None
}

/// The standard's form of a path.
fn standard(text: &str) -> String {
    let text = text.trim();
    let text = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
    let text = text.strip_prefix('$').unwrap_or(text);
    let mut out = "$".to_owned();
    let mut rest = text.chars().peekable();
    if rest.peek().is_some_and(|c| *c != '.' && *c != '[') {
        out.push_str(&member(&mut rest));
    }
    // Inside brackets, everything stands as it is.
    let (mut depth, mut quote) = (0_usize, None);
    while let Some(c) = rest.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') if depth > 0 => quote = Some(c),
            (None, '[') => depth += 1,
            (None, ']') => depth = depth.saturating_sub(1),
            (None, '.') if depth == 0 => {
                if rest.peek() == Some(&'.') {
                    rest.next();
                    out.push_str("..");
                    let name = plain(&mut rest);
                    out.push_str(&name);
                } else if rest.peek() == Some(&'*') {
                    rest.next();
                    out.push_str("[*]");
                } else {
                    out.push_str(&member(&mut rest));
                }
                continue;
            }
            _ => {}
        }
        out.push(c);
    }
    out
}

fn plain(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> String {
    let mut name = String::new();
    while let Some(c) = rest.next_if(|c| !matches!(c, '.' | '[')) {
        if c == '\\' {
            name.extend(rest.next());
        } else {
            name.push(c);
        }
    }
    name
}

/// A member's name, which may have any character with a backslash before it, in brackets.
fn member(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> String {
    let name = plain(rest);
    if name.is_empty() { String::new() } else { format!("[{}]", Value::from(name)) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_are_read_as_kubectl_reads_them() {
        let object = json!({
            "metadata": {"labels": {"app.kubernetes.io/name": "cart"}},
            "spec": {"hosts": ["a", "b"], "replicas": 3, "x-y": "z", "deep": {"name": "n"}},
            "status": {"conditions": [
                {"type": "Ready", "status": "True"}, {"type": "Synced", "status": "False"}]},
        });
        for (path, expected) in [
            (".spec.replicas", vec![json!(3)]),
            ("{.spec.replicas}", vec![json!(3)]),
            ("spec.replicas", vec![json!(3)]),
            ("$.spec.replicas", vec![json!(3)]),
            (".spec.hosts[*]", vec![json!("a"), json!("b")]),
            (".spec.hosts[1]", vec![json!("b")]),
            (".spec.hosts", vec![json!(["a", "b"])]),
            (".spec['x-y']", vec![json!("z")]),
            (".spec.x-y", vec![json!("z")]),
            (r".metadata.labels.app\.kubernetes\.io/name", vec![json!("cart")]),
            (r#".status.conditions[?(@.type=="Ready")].status"#, vec![json!("True")]),
            (".status.conditions[?(@.type=='Synced')].status", vec![json!("False")]),
            (".spec.missing", vec![]),
            ("..name", vec![json!("n")]),
        ] {
            let found: Vec<Value> = Path::parse(path).unwrap().values(&object).into_iter().cloned().collect();
            assert_eq!(found, expected, "{path} → {}", standard(path));
        }
    }

    #[test]
    fn what_is_no_path_is_an_error_that_names_it() {
        let error = Path::parse(".spec[").err().unwrap();
        assert!(error.message.contains(".spec["), "{}", error.message);
    }

    #[test]
    fn what_would_cost_the_library_hours_is_not_looked_at() {
        let nested = format!(".spec[?{}x", "length(".repeat(25));
        for path in [
            &*nested,
            ".a[?((((@.b==1))))]",
            "..a..b",
            ".a[*,*,*]",
            &".a".repeat(1000),
            ".a[?(@.b[?(@.c[?(@.d==1)])])]",
        ] {
            assert!(Path::parse(path).is_err(), "{path}");
        }
        assert!(Path::parse(".a['x,y(z)']").is_ok(), "what is quoted is a name");
    }

    #[test]
    fn names_are_the_strings_at_the_path_and_in_lists_there() {
        let object = json!({"spec": {"one": "a", "many": ["b", 7, "c"], "number": 3}});
        let texts = |path: &str| Path::parse(path).unwrap().texts(&object);
        assert_eq!(texts(".spec.one"), ["a"]);
        assert_eq!(texts(".spec.many"), ["b", "c"]);
        assert!(texts(".spec.number").is_empty());
    }
}
