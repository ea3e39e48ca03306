//! The directory of one control plane: certificates, kubeconfigs, etcd's data, logs.
//!
//! It goes when its owner is dropped. An owner that was killed leaves it behind, so whoever makes the next one
//! sweeps up: a directory whose lock nobody holds belongs to nobody.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Everything that testkit keeps on disk, for all processes of this machine.
pub(crate) fn root() -> PathBuf {
    std::env::temp_dir().join("fleetgraph-testkit")
}

#[derive(Debug)]
pub(crate) struct Workdir {
    dir: tempfile::TempDir,
    _lock: File,
}

impl Workdir {
    pub(crate) fn create(name: &str) -> Result<Self> {
        let planes = root().join("planes");
        fs::create_dir_all(&planes).with_context(|| format!("creating {}", planes.display()))?;
        // Between making a directory and locking it, another process's sweep would take it for abandoned.
        let sweeping = File::create(root().join("planes.lock"))?;
        sweeping.lock()?;
        sweep(&planes)?;
        let dir = tempfile::Builder::new().prefix(&format!("{name}-")).tempdir_in(&planes)?;
        let lock = File::create(dir.path().join("lock"))?;
        lock.lock()?;
        Ok(Self { dir, _lock: lock })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file and gives its path.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.path(name);
        fs::write(&path, content).with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }
}

fn sweep(planes: &Path) -> Result<()> {
    for entry in fs::read_dir(planes)? {
        let dir = entry?.path();
        let abandoned = match File::open(dir.join("lock")) {
            Ok(lock) => lock.try_lock().is_ok(),
            Err(_) => true,
        };
        if abandoned {
            // Another owner's files may be unreadable for us; they are no reason to fail this test.
            if let Err(error) = fs::remove_dir_all(&dir) {
                tracing::warn!(dir = %dir.display(), %error, "leaving an abandoned directory");
            }
        }
    }
    Ok(())
}
