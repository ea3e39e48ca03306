//! The nearest right word to a wrong one, for messages that say what was probably meant.

/// The candidate that a typing slip away from `wrong` would give, if there is one.
pub fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = wrong.to_lowercase().replace('-', "_");
    candidates
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(&folded, &word.to_lowercase()), word))
        .min_by_key(|(distance, _)| *distance)
        // Beyond a third of the word, a suggestion is a guess that misleads.
        .filter(|(distance, word)| *distance <= (word.len().max(folded.len()) / 3).max(1))
        .map(|(_, word)| word)
}

/// `; did you mean "x"?`, or nothing.
pub fn did_you_mean<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(wrong, candidates).map(|word| format!("; did you mean {word:?}?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_fingers_is_corrected() {
        assert_eq!(nearest("qsp", ["qps", "burst"]), Some("qps"));
        assert_eq!(nearest("Kube-Config", ["kubeconfig", "token"]), Some("kubeconfig"));
        assert_eq!(nearest("dployments", ["pods", "deployments"]), Some("deployments"));
    }

    #[test]
    fn a_word_that_is_far_from_all_gets_no_suggestion() {
        assert_eq!(nearest("colour", ["qps", "burst"]), None);
        assert_eq!(nearest("anything", []), None);
    }
}
