//! What a cluster says of a kind that nobody described beforehand.

use kube::core::gvk::GroupVersion;

use crate::{
    cluster::Cluster,
    connection::{ClusterError, classify},
};

/// A kind as an API server serves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovered {
    pub version: String,
    pub plural: String,
    pub singular: String,
    pub namespaced: bool,
}

impl Cluster {
    /// Looks a kind up at the API server; in the version that it prefers, if none is given. `None` if the cluster has
    /// no such kind, or it can't be watched, or there is no connection.
    ///
    /// # Errors
    /// When the API server can't be asked.
    pub async fn discover(
        &self,
        group: &str,
        version: Option<&str>,
        kind: &str,
    ) -> Result<Option<Discovered>, ClusterError> {
        let Some(connection) = self.connection() else { return Ok(None) };
        let client = connection.client();
        let version = match version {
            Some(version) => version.to_owned(),
            None if group.is_empty() => "v1".to_owned(),
            None => {
                let groups = client.list_api_groups().await.map_err(|error| classify(&error))?;
                let known = groups.groups.into_iter().find(|known| known.name == group);
                let preferred = known.and_then(|known| {
                    let first = known.versions.first().map(|version| version.version.clone());
                    known.preferred_version.map(|version| version.version).or(first)
                });
                let Some(preferred) = preferred else { return Ok(None) };
                preferred
            }
        };
        let resources = if group.is_empty() {
            client.list_core_api_resources(&version).await
        } else {
            client.list_api_group_resources(&GroupVersion::gv(group, &version).api_version()).await
        };
        let resources = match resources {
            Ok(resources) => resources.resources,
            Err(kube::Error::Api(status)) if status.code == 404 => return Ok(None),
            Err(error) => return Err(classify(&error)),
        };
        let watched = |verbs: &[String]| ["list", "watch"].iter().all(|verb| verbs.iter().any(|v| v == verb));
        // Subresources have the kind of what they return, and a slash in their names.
        let found = resources.into_iter().find(|resource| {
            resource.kind == kind && !resource.name.contains('/') && watched(&resource.verbs)
        });
        Ok(found.map(|resource| Discovered {
            version,
            plural: resource.name,
            singular: resource.singular_name,
            namespaced: resource.namespaced,
        }))
    }
}
