//! Resource quotas.

use std::sync::Arc;

use async_graphql::{Object, SimpleObject};
use fleetgraph_core::{Kind, KindMeta};
use serde::Deserialize;

use crate::{
    filter::ResourceFilter,
    resource::{self, InNamespace, ResourceKind},
    text::{Amounts, List, Part},
};

/// A limit on what a namespace may use.
pub enum ResourceQuota {}

#[derive(Deserialize)]
struct Text<'a> {
    #[serde(borrow, default)]
    spec: Part<Spec<'a>>,
    #[serde(borrow, default)]
    status: Part<Status<'a>>,
}

#[derive(Deserialize, Default)]
struct Spec<'a> {
    #[serde(borrow, default)]
    hard: Part<Amounts<'a>>,
    #[serde(default)]
    scopes: List<String>,
}

#[derive(Deserialize, Default)]
struct Status<'a> {
    #[serde(borrow, default)]
    used: Part<Amounts<'a>>,
}

impl Kind for ResourceQuota {
    const META: KindMeta = KindMeta {
        group: "",
        version: "v1",
        kind: "ResourceQuota",
        plural: "resourcequotas",
        singular: "resourcequota",
        namespaced: true,
        rules: &[],
    };

    type Columns = ();

    fn columns(_: &str) -> Result<(), serde_json::Error> {
        Ok(())
    }
}

impl ResourceKind for ResourceQuota {
    type Detail = ResourceQuotaDetail;
    type Placement = InNamespace;
    type Filter = ResourceFilter;
}

/// A quota's own fields.
pub struct ResourceQuotaDetail(Arc<resource::Object<ResourceQuota>>);

impl From<Arc<resource::Object<ResourceQuota>>> for ResourceQuotaDetail {
    fn from(object: Arc<resource::Object<ResourceQuota>>) -> Self {
        Self(object)
    }
}

#[Object]
impl ResourceQuotaDetail {
    /// What is limited, and how much of it is used, in the order of the names.
    async fn limits(&self) -> async_graphql::Result<Vec<QuotaLimit>> {
        let text: Text<'_> = self.0.part()?;
        let limits = text.spec.hard.iter().map(|(name, hard)| QuotaLimit {
            resource: name.to_owned(),
            hard: hard.to_string(),
            used: text.status.used.get(name).to_string(),
        });
        Ok(limits.collect())
    }

    /// The pods that the quota counts: all if empty.
    async fn scopes(&self) -> async_graphql::Result<Vec<String>> {
        let text: Text<'_> = self.0.part()?;
        Ok(text.spec.0.scopes.0)
    }
}

/// One limit of a quota.
#[derive(SimpleObject)]
struct QuotaLimit {
    /// Such as `requests.cpu`, `pods`, `count/deployments.apps`.
    resource: String,
    /// The limit, as a Kubernetes quantity.
    hard: String,
    /// What is used of it.
    used: String,
}
