//! Leases.

use std::sync::Arc;

use async_graphql::{InputObject, Object};
use cluster_registry::Matches;
use fleetgraph_core::{Kind, KindMeta, Timestamp};
use serde::Deserialize;

use crate::{
    filter::{Filter, ResourceFilter},
    resource::{self, InNamespace, ResourceKind},
    scalars::DateTime,
    text::Part,
};

/// Who holds a role, and until when.
pub enum Lease {}

/// What lists and filters of leases need.
pub struct Columns {
    /// Empty if nobody holds the lease.
    holder: Box<str>,
}

#[derive(Deserialize)]
struct Text {
    #[serde(default)]
    spec: Part<Spec>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    holder_identity: Option<String>,
    lease_duration_seconds: Option<i32>,
    acquire_time: Option<Timestamp>,
    renew_time: Option<Timestamp>,
    lease_transitions: Option<i32>,
    strategy: Option<String>,
    preferred_holder: Option<String>,
}

impl Kind for Lease {
    const META: KindMeta = KindMeta {
        group: "coordination.k8s.io",
        version: "v1",
        kind: "Lease",
        plural: "leases",
        singular: "lease",
        namespaced: true,
        rules: &[],
    };

    type Columns = Columns;

    // Each is renewed every few seconds, and there is one for each node: most changes of a cluster would be these.
    const BY_DEFAULT: bool = false;

    fn columns(object: &str) -> Result<Columns, serde_json::Error> {
        let text: Text = serde_json::from_str(object)?;
        Ok(Columns { holder: text.spec.0.holder_identity.unwrap_or_default().into() })
    }
}

impl ResourceKind for Lease {
    type Detail = LeaseDetail;
    type Placement = InNamespace;
    type Filter = LeaseFilter;
}

/// What leases can be filtered by. All conditions must hold.
#[derive(InputObject, Default, Clone)]
pub struct LeaseFilter {
    #[graphql(flatten)]
    common: ResourceFilter,
    /// Who holds the lease, exactly.
    holder_identity: Option<String>,
}

impl Filter<Lease> for LeaseFilter {
    fn common(&self) -> &ResourceFilter {
        &self.common
    }

    fn own(&self) -> Option<Matches<Lease>> {
        let holder = self.holder_identity.clone()?;
        Some(Box::new(move |lease| *lease.columns.holder == *holder))
    }
}

/// A lease's own fields.
pub struct LeaseDetail(Arc<resource::Object<Lease>>);

impl From<Arc<resource::Object<Lease>>> for LeaseDetail {
    fn from(object: Arc<resource::Object<Lease>>) -> Self {
        Self(object)
    }
}

impl LeaseDetail {
    fn spec(&self) -> async_graphql::Result<Spec> {
        Ok(self.0.part::<Text>()?.spec.0)
    }
}

#[Object]
impl LeaseDetail {
    /// Who holds the lease; null if nobody does.
    async fn holder_identity(&self) -> Option<&str> {
        Some(&*self.0.entry.columns.holder).filter(|holder| !holder.is_empty())
    }

    /// How long others have to wait after the last renewal before they may take the lease, in seconds.
    async fn lease_duration_seconds(&self) -> async_graphql::Result<Option<i32>> {
        Ok(self.spec()?.lease_duration_seconds)
    }

    /// When the holder took the lease.
    async fn acquire_time(&self) -> async_graphql::Result<Option<DateTime>> {
        Ok(self.spec()?.acquire_time.map(DateTime))
    }

    /// When the holder last renewed the lease, by the holder's clock.
    async fn renew_time(&self) -> async_graphql::Result<Option<DateTime>> {
        Ok(self.spec()?.renew_time.map(DateTime))
    }

    /// How often the lease went from one holder to another.
    async fn lease_transitions(&self) -> async_graphql::Result<Option<i32>> {
        Ok(self.spec()?.lease_transitions)
    }

    /// How the holder is chosen, such as `OldestEmulationVersion`; null where the candidates settle it themselves.
    async fn strategy(&self) -> async_graphql::Result<Option<String>> {
        Ok(self.spec()?.strategy)
    }

    /// Who should hold the lease instead, as the election has it.
    async fn preferred_holder(&self) -> async_graphql::Result<Option<String>> {
        Ok(self.spec()?.preferred_holder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_that_nobody_holds_is_read_too() {
        for text in [r#"{}"#, r#"{"spec":null}"#, r#"{"spec":{"holderIdentity":null,"renewTime":null}}"#] {
            assert_eq!(&*Lease::columns(text).unwrap().holder, "", "{text}");
        }
    }

    #[test]
    fn times_have_microseconds() {
        let text: Text =
            serde_json::from_str(r#"{"spec":{"renewTime":"2026-11-21T04:08:52.123456Z"}}"#).unwrap();
        assert_eq!(text.spec.renew_time.unwrap().to_string(), "2026-11-21T04:08:52.123456Z");
    }
}
