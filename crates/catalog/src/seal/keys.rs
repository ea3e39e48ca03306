//! Where keys come from.

use std::path::PathBuf;

use zeroize::Zeroizing;

use super::SealError;
use super::local::LocalKey;

/// A place that holds keys, each 32 bytes in base64, one on a line; what follows a `#` is a comment. With several keys,
/// the first seals, and all open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    File(PathBuf),
    /// The name of an environment variable.
    Environment(String),
}

impl KeySource {
    pub(super) fn read(&self) -> Result<Vec<LocalKey>, SealError> {
        let (source_name, text) = match self {
            Self::File(path) => (format!("key file {}", path.display()), {
                std::fs::read_to_string(path).map_err(|error| error.to_string())
            }),
            Self::Environment(name) => (format!("environment variable {name}"), {
                std::env::var(name).map_err(|error| match error {
                    std::env::VarError::NotPresent => "it isn't set".to_owned(),
                    // The error's own text quotes the value.
                    std::env::VarError::NotUnicode(_) => "it isn't UTF-8".to_owned(),
                })
            }),
        };
        text.and_then(|text| parse(&Zeroizing::new(text)))
            .map_err(|why| SealError::BadKey { source_name, why })
    }
}

fn parse(text: &str) -> Result<Vec<LocalKey>, String> {
    let mut keys = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let key = line.split_once('#').map_or(line, |(key, _)| key).trim();
        if !key.is_empty() {
            keys.push(LocalKey::parse(key).map_err(|why| format!("line {}: {why}", at + 1))?);
        }
    }
    if keys.is_empty() {
        return Err("it holds no key; make one with `openssl rand -base64 32`".to_owned());
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: &str = "# the newest first\n\
         MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=  # 2026-11\n\n\
         ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=\n";

    #[test]
    fn a_key_file_may_hold_several_keys_and_comments() {
        let keys = parse(KEYS).unwrap();
        assert_eq!(keys.len(), 2);
        assert_ne!(keys[0].id(), keys[1].id());
        assert!(keys[0].id().starts_with("local:"));
    }

    #[test]
    fn a_key_that_is_not_one_is_named_by_its_line_and_not_shown() {
        for text in ["\nhunter2", "\naHVudGVyMg==", "", "# nothing"] {
            let why = parse(text).unwrap_err();
            assert!(!why.contains("hunter2") && !why.contains("aHVudGVyMg"), "{why}");
            assert_eq!(why.contains("line 2"), text.starts_with('\n'), "{why}");
        }
    }

    #[test]
    fn a_source_that_is_missing_is_named() {
        let error = KeySource::File("/nowhere/keys".into()).read().unwrap_err();
        assert!(error.to_string().contains("/nowhere/keys"), "{error}");
        let error = KeySource::Environment("FLEETGRAPH_NO_SUCH_KEY".to_owned()).read().unwrap_err();
        assert_eq!(error.to_string(), "environment variable FLEETGRAPH_NO_SUCH_KEY: it isn't set");
    }
}
