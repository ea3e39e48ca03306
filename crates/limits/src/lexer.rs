//! Counts the tokens of a document without building anything.
//!
//! The parser is a recursive descent over a grammar, so that it is what hostile documents aim at: long ones for its
//! time, deeply bracketed ones for its stack. Both are seen here in one pass over the bytes. Where a document is not
//! GraphQL, the count is only roughly right, and the parser says what is wrong with it.

use super::error::LimitError;

/// Brackets inside each other at most. The parser itself stops at 64 selection sets, but only after it has recursed
/// through all of them, and through lists and objects in arguments, for which it has no bound at all.
pub(crate) const MAX_NESTING: usize = 100;

/// Fails as soon as there is one token or one bracket too many.
pub(crate) fn check(document: &str, max_tokens: usize) -> Result<(), LimitError> {
    let bytes = document.as_bytes();
    let (mut at, mut tokens, mut nesting) = (0, 0_usize, 0_usize);
    while let Some(&byte) = bytes.get(at) {
        let end = match byte {
            b' ' | b'\t' | b'\r' | b'\n' | b',' => {
                at += 1;
                continue;
            }
            b'#' => {
                at = end_of(bytes, at, |byte| !matches!(byte, b'\r' | b'\n'));
                continue;
            }
            b'"' if bytes[at..].starts_with(BLOCK) => {
                end_of_block_string(bytes, at).ok_or(LimitError::UnfinishedBlockString)?
            }
            b'"' => end_of_string(bytes, at),
            b'.' => end_of(bytes, at, |byte| byte == b'.').min(at + 3),
            byte if is_word(byte) => end_of(bytes, at, is_word),
            b'{' | b'[' | b'(' => {
                nesting += 1;
                at + 1
            }
            b'}' | b']' | b')' => {
                nesting = nesting.saturating_sub(1);
                at + 1
            }
            _ => at + 1,
        };
        tokens += 1;
        at = end;
        if tokens > max_tokens {
            return Err(LimitError::Tokens { max: max_tokens });
        }
        if nesting > MAX_NESTING {
            return Err(LimitError::Nesting { max: MAX_NESTING });
        }
    }
    Ok(())
}

/// Names and numbers. A number's sign and its point are taken for tokens of their own, which errs on the safe side.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn end_of(bytes: &[u8], from: usize, belongs: impl Fn(u8) -> bool) -> usize {
    bytes[from..].iter().position(|&byte| !belongs(byte)).map_or(bytes.len(), |length| from + length)
}

const BLOCK: &[u8] = b"\"\"\"";

/// The end of a block string, if it has one. Without, it would hide all that follows: the parser goes back and reads an empty
/// string and then tokens, though the specification has it otherwise, and looks for the end again at the next quotes.
fn end_of_block_string(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from + BLOCK.len();
    while at < bytes.len() {
        if bytes[at..].starts_with(b"\\\"\"\"") {
            at += 4;
        } else if bytes[at..].starts_with(BLOCK) {
            return Some(at + BLOCK.len());
        } else {
            at += 1;
        }
    }
    None
}

/// The end of a string. An unfinished one ends with its line, so that nothing can hide in it.
fn end_of_string(bytes: &[u8], from: usize) -> usize {
    let mut at = from + 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\r' | b'\n' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of tokens, found by the limit itself.
    fn count(document: &str) -> usize {
        (0..1000).find(|&max| check(document, max).is_ok()).unwrap()
    }

    #[test]
    fn each_kind_of_token_counts_one() {
        assert_eq!(
            count("{ pods(limit: 10, name: \"a b # {\") { id ... on Pod { n } ...F } } # no { token"),
            22
        );
        assert_eq!(count("\"\"\" a \\\"\"\" { \" { \"\"\" x"), 2);
        assert_eq!(count("$a:[Int!]!=1.5e3 @skip(if:true)"), 19);
        assert_eq!(count(""), 0);
    }

    #[test]
    fn an_unfinished_string_hides_nothing_beyond_its_line() {
        assert_eq!(count("\"{{{\n{ a }"), 4);
    }

    /// Found by the fuzzer: the parser takes the four quotes for two empty strings.
    #[test]
    fn an_unfinished_block_string_is_refused_and_hides_nothing() {
        for hidden in ["[".repeat(100_000), "a ".repeat(100_000)] {
            let document = format!("query ($v: [Int] = [\"\"\"\" {hidden}]) {{ f }}");
            assert_eq!(check(&document, 10_000), Err(LimitError::UnfinishedBlockString));
        }
        assert_eq!(check("{ f(a: \"\"\" \"\"\") }", 10), Ok(()));
    }

    #[test]
    fn brackets_are_counted_where_they_are_open_only() {
        assert!(check(&"{}".repeat(1000), 10_000).is_ok());
        for bracket in ["[", "{", "("] {
            assert!(check(&bracket.repeat(MAX_NESTING), 10_000).is_ok());
            let deeper = bracket.repeat(MAX_NESTING + 1);
            assert_eq!(check(&deeper, 10_000), Err(LimitError::Nesting { max: MAX_NESTING }));
        }
    }

    #[test]
    fn the_parser_survives_the_deepest_nesting_that_is_let_through() {
        let list = format!("{{ a(b: {}{}) }}", "[".repeat(MAX_NESTING - 2), "]".repeat(MAX_NESTING - 2));
        let object = format!("{{ a(b: {}1{}) }}", "{c:".repeat(MAX_NESTING - 2), "}".repeat(MAX_NESTING - 2));
        let types =
            format!("query ($a: {}Int{}) {{ a }}", "[".repeat(MAX_NESTING - 1), "]".repeat(MAX_NESTING - 1));
        let fields = format!("{}a{}", "{a".repeat(MAX_NESTING), "}".repeat(MAX_NESTING));
        // A tokio worker's stack.
        let parsing = std::thread::Builder::new().stack_size(2 * 1024 * 1024).spawn(move || {
            for document in [list, object, types, fields] {
                assert_eq!(check(&document, 10_000), Ok(()));
                let _ = async_graphql_parser::parse_query(&document);
            }
        });
        parsing.unwrap().join().unwrap();
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_counted_without_a_panic_and_never_above_its_length(text in "\\PC{0,100}") {
            let checked = check(&text, text.len());
            proptest::prop_assert!(matches!(checked, Ok(()) | Err(LimitError::UnfinishedBlockString)));
        }

        #[test]
        fn quotes_and_backslashes_in_any_order_are_survived(text in "[\"\\\\\n{a]{0,40}") {
            let _ = check(&text, 1000);
        }
    }
}
