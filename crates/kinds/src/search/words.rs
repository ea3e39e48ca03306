//! Words: how they are found in texts, and how those that exist are offered while someone types.

use std::collections::BTreeSet;

use cluster_registry::AnyEntry;

use super::Search;

/// Whether a text has a word that is given in lower case. Names of Kubernetes are ASCII; other letters are compared as
/// they are.
pub fn contains(text: &str, word: &str) -> bool {
    let (text, word) = (text.as_bytes(), word.as_bytes());
    let Some(first) = word.first() else { return true };
    let Some(last) = text.len().checked_sub(word.len()) else { return false };
    memchr::memchr2_iter(*first, first.to_ascii_uppercase(), &text[..=last])
        .any(|at| text[at..at + word.len()].eq_ignore_ascii_case(word))
}

/// What is completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completion {
    Name,
    LabelKey,
    LabelValue { key: String },
    Namespace,
}

/// The words that begin with a prefix, in order, `first` at most.
pub fn complete(search: &Search<'_>, completion: &Completion, prefix: &str, first: usize) -> Vec<String> {
    let mut words: BTreeSet<String> = BTreeSet::new();
    let mut offer = |word: &str| {
        let begins = word.len() >= prefix.len()
            && word.is_char_boundary(prefix.len())
            && word[..prefix.len()].eq_ignore_ascii_case(prefix);
        // Only what is among the first in order is kept.
        let among = words.len() < first || words.last().is_some_and(|last| word < last.as_str());
        if begins && among && !words.contains(word) {
            words.insert(word.to_owned());
            if words.len() > first {
                words.pop_last();
            }
        }
    };
    search.each(&mut |entry: &dyn AnyEntry, _| {
        let meta = entry.meta();
        match completion {
            Completion::Name => offer(&meta.name),
            Completion::Namespace if meta.namespace.is_empty() => {}
            Completion::Namespace => offer(&meta.namespace),
            Completion::LabelKey => meta.labels.iter().for_each(|(key, _)| offer(key)),
            Completion::LabelValue { key } => {
                if let Some(value) = meta.labels.get(key) {
                    offer(value);
                }
            }
        }
    });
    words.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::contains;

    #[test]
    fn a_word_is_found_anywhere_whatever_its_case() {
        for (text, word, expected) in [
            ("cart-7c6f", "cart", true),
            ("Cart-7C6F", "7c6f", true),
            ("cart", "carts", false),
            ("", "x", false),
            ("x", "", true),
            ("registry.example/shop/CART:1.2", "shop/cart", true),
            ("ünïcode", "code", true),
        ] {
            assert_eq!(contains(text, word), expected, "{text} {word}");
        }
    }
}
