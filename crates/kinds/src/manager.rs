//! The tool that made an object, by the marks that it leaves.

use std::collections::BTreeMap;

use async_graphql::{Context, Enum, Object};
use fleetgraph_core::{ClusterId, Labels};

use crate::{
    graph::{APPLICATIONS, Neighbours},
    interface::AnyResource,
    viewer::Viewer,
};

/// A tool that makes objects.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManagerTool {
    Helm,
    ArgoCd,
    Flux,
}

/// What an object was made from, by the tool that made it.
#[derive(Debug, PartialEq, Eq)]
pub struct Manager {
    cluster: ClusterId,
    tool: ManagerTool,
    kind: &'static str,
    api_version: &'static str,
    name: String,
    namespace: Option<String>,
}

/// Namespace and name of an application as Argo CD's marks have it: it may stand behind its namespace and `_`.
pub fn read_application(text: &str) -> (Option<&str>, &str) {
    text.split_once('_').map_or((None, text), |(namespace, name)| (Some(namespace), name))
}

impl Manager {
    /// Reads the marks. Where an object carries several, the one that acts last stands first: Flux and Argo CD may use
    /// Helm themselves.
    pub fn of(
        cluster: &ClusterId,
        labels: &Labels,
        application: Option<&str>,
        annotations: &BTreeMap<String, String>,
    ) -> Option<Self> {
        let label = |key: &str| labels.get(key).map(str::to_owned).filter(|value| !value.is_empty());
        let annotation = |key: &str| annotations.get(key).cloned().filter(|value| !value.is_empty());
        let new = |tool, kind, api_version, name, namespace| Self {
            cluster: cluster.clone(),
            tool,
            kind,
            api_version,
            name,
            namespace,
        };
        for (kind, api_version, word) in [
            ("HelmRelease", "helm.toolkit.fluxcd.io/v2", "helm"),
            ("Kustomization", "kustomize.toolkit.fluxcd.io/v1", "kustomize"),
        ] {
            if let Some(name) = label(&format!("{word}.toolkit.fluxcd.io/name")) {
                let namespace = label(&format!("{word}.toolkit.fluxcd.io/namespace"));
                return Some(new(ManagerTool::Flux, kind, api_version, name, namespace));
            }
        }
        let tracked = application.map(str::to_owned).or_else(|| label("argocd.argoproj.io/instance"));
        if let Some(application) = tracked {
            let (namespace, name) = read_application(&application);
            let (namespace, name) = (namespace.map(str::to_owned), name.to_owned());
            return Some(new(ManagerTool::ArgoCd, "Application", "argoproj.io/v1alpha1", name, namespace));
        }
        let release = annotation("meta.helm.sh/release-name")?;
        let namespace = annotation("meta.helm.sh/release-namespace");
        Some(new(ManagerTool::Helm, "Release", "", release, namespace))
    }
}

#[Object]
impl Manager {
    async fn tool(&self) -> ManagerTool {
        self.tool
    }

    /// `Release` for Helm, `Application` for Argo CD, `HelmRelease` or `Kustomization` for Flux.
    async fn kind(&self) -> &str {
        self.kind
    }

    async fn name(&self) -> &str {
        &self.name
    }

    /// Null where the mark does not say it.
    async fn namespace_name(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// The object that it stands for; null for a Helm release, which is none, and where its kind isn't watched.
    async fn resource(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<AnyResource>> {
        if self.api_version.is_empty() {
            return Ok(None);
        }
        if let Some(namespace) = &self.namespace {
            return AnyResource::find(ctx, &self.cluster, self.kind, self.api_version, namespace, &self.name)
                .await;
        }
        let viewer = Viewer::of(ctx)?;
        let reader = viewer.registry.read_any(&viewer.scope);
        let found = Neighbours::new(&reader, &self.cluster).manager(APPLICATIONS, None, &self.name);
        Ok(found.and_then(AnyResource::from_any))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(
        labels: &[(&str, &str)],
        annotations: &[(&str, &str)],
        application: Option<&str>,
    ) -> Option<(ManagerTool, &'static str, String, Option<String>)> {
        let labels = Labels::from_pairs(labels.iter().copied());
        let annotations = annotations.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let manager = Manager::of(&ClusterId::new("c").unwrap(), &labels, application, &annotations)?;
        Some((manager.tool, manager.kind, manager.name, manager.namespace))
    }

    #[test]
    fn each_tool_is_known_by_its_marks_and_the_one_that_acts_last_stands_first() {
        let helm = [("meta.helm.sh/release-name", "cart"), ("meta.helm.sh/release-namespace", "shop")];
        let shop = Some("shop".to_owned());
        assert_eq!(found(&[], &[], None), None);
        assert_eq!(
            found(&[], &helm, None),
            Some((ManagerTool::Helm, "Release", "cart".into(), shop.clone()))
        );
        let flux = [("helm.toolkit.fluxcd.io/name", "cart"), ("helm.toolkit.fluxcd.io/namespace", "shop")];
        assert_eq!(
            found(&flux, &helm, None),
            Some((ManagerTool::Flux, "HelmRelease", "cart".into(), shop.clone()))
        );
        assert_eq!(
            found(&[], &helm, Some("shop_cart")),
            Some((ManagerTool::ArgoCd, "Application", "cart".into(), shop))
        );
        let label = [("argocd.argoproj.io/instance", "cart")];
        assert_eq!(found(&label, &[], None), Some((ManagerTool::ArgoCd, "Application", "cart".into(), None)));
    }
}
