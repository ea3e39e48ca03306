//! The lexer against the parser: whatever the parser takes for a document, the lexer has counted right. A lexer that takes
//! for a string what the parser reads as tokens could be made to see a hundred tokens where there are a million.
//!
//! `make fuzz` goes on for as long as one likes, with new cases each time.

use async_graphql::Request;
use proptest::{collection::vec, prelude::*};

use super::{Limits, LimitsConfig, lexer};

/// What strings, comments and numbers are made of, and what could be mistaken for their ends.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\""),
        Just("\"\""),
        Just("\"\"\""),
        Just("\\"),
        Just("\\\""),
        Just("\\\"\"\""),
        Just("\\u00e9"),
        Just("\\n"),
        Just("\n"),
        Just("\r"),
        Just("\r\n"),
        Just("#"),
        Just(" "),
        Just(","),
        Just("x"),
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just("(y:1)"),
        Just("..."),
        Just("...F"),
        Just(":"),
        Just("$v"),
        Just("@d"),
        Just("-1"),
        Just("0"),
        Just("1.5e-3"),
        Just("2E+1"),
        Just("é"),
        Just("\u{feff}"),
        Just("true"),
    ];
    vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// Mostly a document, with pieces where they may be taken for part of it.
fn documents() -> impl Strategy<Value = String> {
    (pieces(), pieces(), pieces()).prop_flat_map(|(a, b, c)| {
        prop_oneof![
            Just(format!("{{ f(a: {a}) {b} }}")),
            Just(format!("{{ f(a: \"{a}\", b: \"\"\"{b}\"\"\") g }}{c}")),
            Just(format!("{{ f {a} g }} #{b}\n{c}")),
            Just(format!("query ($v: [Int!] = [{a}]) {{ f(a: {{ x: {b} }}) {c} }}")),
            Just(format!("{{ f }} fragment F on T @d(a: {a}) {{ g }}")),
            Just(format!("{a}{{ f(a: {b}){c} }}")),
        ]
    })
}

/// Tokens as the specification has them (GraphQL, 2.1), and how many of the lexer's own a number is more.
///
/// Written from the grammar, character by character, and without a thought for speed.
fn reference(document: &str) -> (usize, usize) {
    let chars: Vec<char> = document.chars().collect();
    let at = |n: usize| chars.get(n).copied().unwrap_or('\0');
    let (mut n, mut tokens, mut more) = (0, 0, 0);
    while n < chars.len() {
        match at(n) {
            ' ' | '\t' | '\r' | '\n' | ',' | '\u{feff}' => {
                n += 1;
                continue;
            }
            '#' => {
                while n < chars.len() && at(n) != '\r' && at(n) != '\n' {
                    n += 1;
                }
                continue;
            }
            '"' if at(n + 1) == '"' && at(n + 2) == '"' => {
                n += 3;
                loop {
                    if at(n) == '\\' && at(n + 1) == '"' && at(n + 2) == '"' && at(n + 3) == '"' {
                        n += 4;
                    } else if at(n) == '"' && at(n + 1) == '"' && at(n + 2) == '"' {
                        n += 3;
                        break;
                    } else {
                        assert!(n < chars.len(), "it doesn't end: {document:?}");
                        n += 1;
                    }
                }
            }
            '"' => {
                n += 1;
                while at(n) != '"' {
                    assert!(n < chars.len(), "it doesn't end: {document:?}");
                    n += if at(n) == '\\' { 2 } else { 1 };
                }
                n += 1;
            }
            '.' => n += 3,
            '-' | '0'..='9' => {
                let start = n;
                let of_number = |n: usize| {
                    let sign = matches!(at(n), '-' | '+') && (n == start || matches!(at(n - 1), 'e' | 'E'));
                    let point = at(n) == '.' && at(n + 1).is_ascii_digit();
                    sign || point || at(n).is_ascii_digit() || matches!(at(n), 'e' | 'E')
                };
                while n < chars.len() && of_number(n) {
                    n += 1;
                }
                // The lexer takes signs and points for tokens, and what a point or a sign parts for two.
                let number = &chars[start..n];
                let inner = number.iter().skip(1).filter(|c| matches!(c, '.' | '-' | '+')).count();
                more += 2 * inner + usize::from(number[0] == '-');
            }
            c if c.is_ascii_alphabetic() || c == '_' => {
                while at(n).is_ascii_alphanumeric() || at(n) == '_' {
                    n += 1;
                }
            }
            _ => n += 1,
        }
        tokens += 1;
    }
    (tokens, more)
}

/// The number of tokens, found by the limit itself.
fn count(document: &str) -> usize {
    (0..=document.len()).find(|&max| lexer::check(document, max).is_ok()).unwrap_or(usize::MAX)
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 100_000_000, ..ProptestConfig::default() })]

    #[test]
    fn fuzz_the_lexer_against_the_parser(document in documents()) {
        prop_assume!(lexer::check(&document, usize::MAX).is_ok());
        prop_assume!(async_graphql_parser::parse_query(&document).is_ok());
        let (tokens, more) = reference(&document);
        let counted = count(&document);
        prop_assert!(counted >= tokens, "{} of {} tokens: {:?}", counted, tokens, document);
        // A byte order mark counts too much, which errs on the safe side; so does a number that a name follows.
        if !document.contains('\u{feff}') {
            prop_assert!(counted <= tokens + more, "{} of {} tokens: {:?}", counted, tokens, document);
        }
    }

    #[test]
    fn fuzz_the_limits(document in documents(), max in 0..60_usize) {
        let config = LimitsConfig { max_tokens: max, max_depth: max / 8, ..LimitsConfig::default() };
        let limits = Limits::new(config, "type Query { f: Query g: [Query!]! }").expect("the schema is sound");
        let mut request = Request::new(document.clone());
        if limits.admit(&mut request).is_ok() {
            prop_assert!(count(&document) <= max);
        }
    }
}

#[test]
fn the_reference_counts_as_the_specification_does() {
    for (document, tokens) in [
        ("{ a }", 3),
        ("{a(b:-1.5e-3)...F}", 10),
        ("{ a(b: \"\\\"{\", c: \"\"\"\\\"\"\" } \"\"\") } # {", 11),
        ("", 0),
    ] {
        assert_eq!(reference(document).0, tokens, "{document}");
    }
}
