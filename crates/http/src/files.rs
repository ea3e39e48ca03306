//! Files that are followed: read again every few seconds, and used when what they hold has changed.
//!
//! Polled rather than notified: Kubernetes swaps a symbolic link above a file, other tools rename over it, and network
//! file systems notify nobody. The files are small, so their contents are compared, not their times.

use std::{
    collections::hash_map::DefaultHasher,
    fs::File,
    hash::{Hash, Hasher},
    io::{self, Read},
    path::Path,
    time::Duration,
};

/// What is rebuilt from files.
pub(crate) trait Followed: Clone + Send + Sync + 'static {
    type Error: std::fmt::Display + Send + 'static;

    /// What the log calls it.
    const NAME: &'static str;

    /// A number that changes with the contents of the files.
    fn fingerprint(&self) -> u64;

    /// Reads the files and puts what they hold into use; on an error, everything stays as it was.
    ///
    /// # Errors
    /// What is wrong with them.
    fn reload(&self) -> Result<(), Self::Error>;
}

/// Follows the files for ever. What can't be used is logged once, and tried again until it can: a certificate may have
/// been written, and its key not yet. `seen` is the fingerprint of what is in use.
pub(crate) async fn follow<F: Followed>(followed: F, every: Duration, mut seen: u64) {
    let mut failure: Option<String> = None;
    loop {
        tokio::time::sleep(every).await;
        let (looked, failed) = (followed.clone(), failure.is_some());
        let look = tokio::task::spawn_blocking(move || {
            let fingerprint = looked.fingerprint();
            let outcome =
                (failed || fingerprint != seen).then(|| looked.reload().map_err(|error| error.to_string()));
            (fingerprint, outcome)
        });
        // Fails only when the process ends.
        let Ok((fingerprint, outcome)) = look.await else { return };
        seen = fingerprint;
        match outcome {
            None => {}
            Some(Ok(())) => {
                failure = None;
                tracing::info!(what = F::NAME, "changed files were read and are in use");
            }
            Some(Err(error)) => {
                if failure.as_ref() != Some(&error) {
                    tracing::error!(what = F::NAME, error, "changed files can't be used; the old ones stay");
                }
                failure = Some(error);
            }
        }
    }
}

/// Reads a file that may have `max` bytes at most.
pub(crate) fn read(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let mut contents = Vec::new();
    File::open(path)?.take(max.saturating_add(1)).read_to_end(&mut contents)?;
    if contents.len() as u64 > max {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {max} bytes")));
    }
    Ok(contents)
}

/// The fingerprint of some files' contents, those that can't be read included.
pub(crate) fn fingerprint<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>, max: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    for path in paths {
        let path = path.as_ref();
        path.hash(&mut hasher);
        read(path, max).ok().hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swapped_symbolic_link_above_a_file_is_seen_and_the_same_contents_are_not() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("v1", "one"), ("v2", "two"), ("v3", "two")] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
            std::fs::write(folder.path().join(name).join("tls.crt"), text).unwrap();
        }
        let link = folder.path().join("..data");
        let mut seen = Vec::new();
        for version in ["v1", "v2", "v3"] {
            let _ = std::fs::remove_file(&link);
            std::os::unix::fs::symlink(version, &link).unwrap();
            seen.push(fingerprint([link.join("tls.crt")], 100));
        }
        assert_ne!(seen[0], seen[1]);
        assert_eq!(seen[1], seen[2]);
        std::fs::remove_file(&link).unwrap();
        assert_ne!(fingerprint([link.join("tls.crt")], 100), seen[2], "a file that is gone is a change");
    }

    #[test]
    fn a_file_above_the_bound_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("long");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(read(&path, 5).unwrap(), b"12345");
        assert_eq!(read(&path, 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }
}
