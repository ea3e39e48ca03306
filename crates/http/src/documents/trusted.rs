//! The list of documents that the operators trust: a file, or a directory of files, in one of two forms.
//!
//! ```text
//!   {"format": "apollo-persisted-query-manifest", "version": 1,
//!    "operations": [{"id": "…", "name": "Pods", "type": "query", "body": "query Pods { … }"}]}
//!
//!   {"<id or hash>": "query Pods { … }"}
//! ```
//!
//! A document is found by its id, and by the SHA-256 of its text whatever its id is.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Deserialize;

use super::{Hash, Reference};
use crate::{
    config::{TrustMode, TrustedDocumentsConfig},
    files,
};

/// The documents of the largest front ends are a few megabytes.
const MAX_FILE: u64 = 64 * 1024 * 1024;
const APOLLO: &str = "apollo-persisted-query-manifest";

/// Why the list of trusted documents can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DocumentsError {
    #[error("http.trusted_documents: path is missing, which the mode needs")]
    NoPath,
    #[error("{} can't be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} is no list of documents: {source}", path.display())]
    Malformed { path: PathBuf, source: serde_json::Error },
    #[error("{} is a manifest of format {format:?}, version {version}; only {APOLLO:?}, version 1 is read", path.display())]
    Format { path: PathBuf, format: String, version: u64 },
    #[error("{} has the id {id:?} for another document than was listed under it before", path.display())]
    Ambiguous { path: PathBuf, id: String },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum File {
    Manifest { format: String, version: u64, operations: Vec<Entry> },
    Map(HashMap<String, String>),
}

/// Name and type are for people: the body says both.
#[derive(Deserialize)]
struct Entry {
    id: String,
    body: String,
}

#[derive(Debug, Default)]
pub(super) struct Trusted {
    by_id: HashMap<String, Arc<str>>,
    by_hash: HashMap<Hash, Arc<str>>,
}

impl Trusted {
    pub fn read(config: &TrustedDocumentsConfig) -> Result<Self, DocumentsError> {
        if config.mode == TrustMode::Off {
            return Ok(Self::default());
        }
        if config.path.as_os_str().is_empty() {
            return Err(DocumentsError::NoPath);
        }
        let mut trusted = Self::default();
        let unreadable = |source| DocumentsError::Unreadable { path: config.path.clone(), source };
        for path in files_of(&config.path).map_err(unreadable)? {
            trusted.add(&path)?;
        }
        Ok(trusted)
    }

    fn add(&mut self, path: &Path) -> Result<(), DocumentsError> {
        let path = || path.to_owned();
        let text = files::read(&path(), MAX_FILE)
            .map_err(|source| DocumentsError::Unreadable { path: path(), source })?;
        let file = serde_json::from_slice(&text)
            .map_err(|source| DocumentsError::Malformed { path: path(), source })?;
        let entries: Vec<(String, String)> = match file {
            File::Manifest { format, version, .. } if format != APOLLO || version != 1 => {
                return Err(DocumentsError::Format { path: path(), format, version });
            }
            File::Manifest { operations, .. } => {
                operations.into_iter().map(|entry| (entry.id, entry.body)).collect()
            }
            File::Map(map) => map.into_iter().collect(),
        };
        for (id, body) in entries {
            let document = self.by_hash.entry(Hash::of(&body)).or_insert_with(|| body.into());
            let document = Arc::clone(document);
            if self.by_id.insert(id.clone(), Arc::clone(&document)).is_some_and(|other| other != document) {
                return Err(DocumentsError::Ambiguous { path: path(), id });
            }
        }
        Ok(())
    }

    pub fn by_hash(&self, hash: Hash) -> Option<&Arc<str>> {
        self.by_hash.get(&hash)
    }

    pub fn named(&self, reference: &Reference) -> Option<Arc<str>> {
        let by_hash = || self.by_hash(reference.hash()?);
        self.by_id.get(reference.text()).or_else(by_hash).cloned()
    }
}

/// The file, or those of the directory that end in `.json`, in order. A mounted ConfigMap keeps its versions in folders
/// whose names begin with two dots, and links to the files of the current one.
fn files_of(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

pub(super) fn fingerprint(config: &TrustedDocumentsConfig) -> u64 {
    if config.mode == TrustMode::Off {
        return 0;
    }
    files::fingerprint(files_of(&config.path).unwrap_or_default(), MAX_FILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "query Pods { pods { name } }";

    fn read(folder: &Path) -> Result<Trusted, DocumentsError> {
        let config = TrustedDocumentsConfig {
            mode: TrustMode::Only,
            path: folder.to_owned(),
            ..TrustedDocumentsConfig::default()
        };
        Trusted::read(&config)
    }

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    #[test]
    fn both_forms_of_lists_are_read_and_found_by_id_and_by_hash() {
        let manifest = serde_json::json!({
            "format": APOLLO, "version": 1, "more": "is ignored",
            "operations": [{"id": "pods-1", "name": "Pods", "type": "query", "body": BODY}],
        });
        let folder = folder(&[
            ("a.json", &manifest.to_string()),
            ("b.json", r#"{"n": "{ nodes { name } }"}"#),
            ("notes.txt", "not a list"),
        ]);
        let trusted = read(folder.path()).unwrap();
        let hash = Hash::of(BODY).to_string();
        for reference in [
            Reference::Hash("pods-1".into()),
            Reference::Id("pods-1".into()),
            Reference::Hash(hash.clone()),
            Reference::Id(format!("sha256:{hash}")),
        ] {
            assert_eq!(trusted.named(&reference).as_deref(), Some(BODY), "{reference:?}");
        }
        assert_eq!(trusted.named(&Reference::Id("n".into())).as_deref(), Some("{ nodes { name } }"));
        assert_eq!(trusted.named(&Reference::Id(hash)), None, "a bare hash is an id like any other there");
    }

    #[test]
    fn a_list_that_means_nothing_is_refused_by_name() {
        for (text, wanted) in [
            ("[]", "is no list"),
            (r#"{"a": 1}"#, "is no list"),
            (r#"{"format": "other", "version": 1, "operations": []}"#, "format \"other\""),
            (r#"{"format": "apollo-persisted-query-manifest", "version": 2, "operations": []}"#, "version 2"),
        ] {
            let folder = folder(&[("list.json", text)]);
            let message = read(folder.path()).unwrap_err().to_string();
            assert!(message.contains(wanted) && message.contains("list.json"), "{message}");
        }
        let twice = folder(&[("a.json", r#"{"a": "{ x }"}"#), ("b.json", r#"{"a": "{ y }"}"#)]);
        assert!(matches!(read(twice.path()), Err(DocumentsError::Ambiguous { .. })));
        assert!(matches!(read(Path::new("")), Err(DocumentsError::NoPath)));
        assert!(matches!(read(Path::new("/nowhere")), Err(DocumentsError::Unreadable { .. })));
    }
}
