//! Whether the files behind a cluster's credentials have changed.
//!
//! Polled rather than notified: Kubernetes swaps a symbolic link above the file, other tools rename over it, and
//! network file systems notify nobody. A look costs one `stat` for each file; contents are read and hashed only
//! when that differs, and whenever the cluster has refused the credentials.

use std::{
    collections::hash_map::DefaultHasher,
    fs,
    hash::{Hash, Hasher},
    path::{Path, PathBuf},
    time::SystemTime,
};

/// What a set of files looked like.
#[derive(Debug, Clone, Default)]
pub(super) struct FileSet(Vec<Seen>);

#[derive(Debug, Clone)]
struct Seen {
    path: PathBuf,
    stamp: Option<Stamp>,
    /// `None` when the file can't be read.
    hash: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    len: u64,
}

impl FileSet {
    /// Looks at files now. To be called before their contents are used, so that a change in between is seen later.
    pub(super) fn look(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut paths: Vec<PathBuf> = paths.into_iter().collect();
        paths.sort();
        paths.dedup();
        Self(paths.into_iter().map(Seen::new).collect())
    }

    /// Whether any file has other contents than when it was looked at. `thorough` reads them even when time and
    /// length are the same.
    pub(super) fn changed(&mut self, thorough: bool) -> bool {
        self.0.iter_mut().any(|seen| seen.changed(thorough))
    }
}

impl Seen {
    fn new(path: PathBuf) -> Self {
        Self { stamp: stamp(&path), hash: hash(&path), path }
    }

    fn changed(&mut self, thorough: bool) -> bool {
        let stamp = stamp(&self.path);
        if stamp == self.stamp && !thorough {
            return false;
        }
        self.stamp = stamp;
        hash(&self.path) != self.hash
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let meta = fs::metadata(path).ok()?;
    Some(Stamp { modified: meta.modified().ok(), len: meta.len() })
}

fn hash(path: &Path) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    fs::read(path).ok()?.hash(&mut hasher);
    Some(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_contents_are_seen_and_a_touched_file_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        fs::write(&path, "one").unwrap();
        let mut files = FileSet::look([path.clone()]);
        assert!(!files.changed(false));
        fs::write(&path, "one").unwrap();
        assert!(!files.changed(false), "same contents, newer time");
        fs::write(&path, "two!").unwrap();
        assert!(files.changed(false));
    }

    #[test]
    fn a_change_within_the_clock_tick_is_seen_by_a_thorough_look() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        fs::write(&path, "one").unwrap();
        let mut files = FileSet::look([path.clone()]);
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        fs::write(&path, "two").unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        assert!(!files.changed(false));
        assert!(files.changed(true));
    }

    #[test]
    fn a_swapped_symbolic_link_above_the_file_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [("v1", "old-token"), ("v2", "new")] {
            fs::create_dir(dir.path().join(name)).unwrap();
            fs::write(dir.path().join(name).join("token"), text).unwrap();
        }
        let link = dir.path().join("..data");
        std::os::unix::fs::symlink("v1", &link).unwrap();
        let mut files = FileSet::look([link.join("token")]);
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink("v2", &link).unwrap();
        assert!(files.changed(false));
    }

    #[test]
    fn a_file_that_appears_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("later");
        let mut files = FileSet::look([path.clone()]);
        assert!(!files.changed(true));
        fs::write(&path, "x").unwrap();
        assert!(files.changed(false));
    }
}
