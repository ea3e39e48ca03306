//! kubectl at a simulated cluster, with a home of its own.

use std::{path::PathBuf, process::Command};

use simcluster::{Cluster, Simulator};

pub struct Kubectl {
    program: PathBuf,
    pub dir: tempfile::TempDir,
}

impl Kubectl {
    pub async fn at(simulator: &Simulator, cluster: &Cluster) -> Self {
        let located = tokio::task::spawn_blocking(testkit::Tools::locate).await.unwrap();
        let this = Self { program: located.unwrap().program("kubectl"), dir: tempfile::tempdir().unwrap() };
        simulator.write_kubeconfig(&this.config(), &[cluster]).unwrap();
        this
    }

    fn config(&self) -> PathBuf {
        self.dir.path().join("kubeconfig")
    }

    /// Runs a command that must succeed, and gives what it says.
    pub fn run(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(&self.program);
        command.env("KUBECONFIG", self.config()).env("HOME", self.dir.path()).args(arguments);
        let output = tokio::task::block_in_place(|| command.output()).unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}
