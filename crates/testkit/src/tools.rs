//! Where the programs of a control plane are. `tests/tools/build.sh` answers, and builds what is missing.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, bail};

/// The directory with etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubectl and kwok.
#[derive(Debug, Clone)]
pub struct Tools {
    dir: PathBuf,
}

impl Tools {
    /// Asks the script once for each process. The first call on a fresh machine builds for some minutes, and says
    /// so on stderr.
    ///
    /// # Errors
    /// When the script fails; its own message is on stderr.
    pub fn locate() -> Result<Self> {
        static DIR: OnceLock<Result<PathBuf, String>> = OnceLock::new();
        DIR.get_or_init(|| run_script().map_err(|error| format!("{error:#}")))
            .clone()
            .map(|dir| Self { dir })
            .map_err(|text| anyhow!(text))
    }

    pub fn program(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

fn run_script() -> Result<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/tools/build.sh");
    let output = Command::new(&script)
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("running {}", script.display()))?;
    if !output.status.success() {
        bail!("{} failed: {}", script.display(), output.status);
    }
    let answer = String::from_utf8(output.stdout)?;
    Ok(PathBuf::from(answer.trim()))
}
