//! Several control planes, started in parallel.

use std::path::PathBuf;

use anyhow::Result;
use futures::future;

use crate::control_plane::ControlPlane;
use crate::kubeconfig::{self, Context};
use crate::options::Options;
use crate::workdir::Workdir;

/// Control planes in the order of their options.
pub struct Fleet {
    planes: Vec<ControlPlane>,
    dir: Workdir,
}

impl Fleet {
    /// `count` complete clusters, called cluster-0, cluster-1 and so on.
    pub async fn start(count: usize) -> Result<Self> {
        Self::start_with((0..count).map(|index| Options::named(format!("cluster-{index}"))).collect()).await
    }

    /// # Errors
    /// When one can't start. The others are ended before this returns.
    pub async fn start_with(options: Vec<Options>) -> Result<Self> {
        let results = future::join_all(options.into_iter().map(ControlPlane::start)).await;
        let planes = results.into_iter().collect::<Result<Vec<_>>>()?;
        let fleet = Self { planes, dir: Workdir::create("fleet")? };
        fleet.dir.write("kubeconfig", fleet.kubeconfig())?;
        Ok(fleet)
    }

    pub fn planes(&self) -> &[ControlPlane] {
        &self.planes
    }

    pub fn plane(&self, name: &str) -> Option<&ControlPlane> {
        self.planes.iter().find(|plane| plane.name() == name)
    }

    /// One kubeconfig with a context for each cluster, as its administrator, through the proxies.
    pub fn kubeconfig(&self) -> String {
        let parts: Vec<_> = self
            .planes
            .iter()
            .map(|plane| (plane.name(), plane.proxied_url(), plane.ca_pem(), plane.admin()))
            .collect();
        let contexts: Vec<_> = parts
            .iter()
            .map(|(name, url, ca_pem, credentials)| Context { name, url, ca_pem, credentials })
            .collect();
        kubeconfig::render(&contexts)
    }

    /// [`Fleet::kubeconfig`] as a file that lives as long as the fleet.
    pub fn kubeconfig_file(&self) -> PathBuf {
        self.dir.path("kubeconfig")
    }

    /// Writes a file beside it, with the same life, and gives its path.
    pub fn write_file(&self, name: &str, content: &str) -> Result<PathBuf> {
        self.dir.write(name, content)
    }

    pub async fn stop(self) -> Result<()> {
        for plane in self.planes {
            plane.stop().await?;
        }
        Ok(())
    }
}
