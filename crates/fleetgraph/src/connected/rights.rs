//! Which clusters an administrator may connect and disconnect.

use fleetgraph_core::{ClusterId, Error, ErrorCode, Principal};

/// Whether a cluster is, or would be, one of the administrator's.
pub fn is_of(by: &Principal, tenant: &str, id: &ClusterId) -> bool {
    let bound = by.bounds.clusters.as_ref();
    by.tenants.contains(tenant) && bound.is_none_or(|clusters| clusters.contains(id.as_str()))
}

/// A credential that stays within namespaces has no say over whole clusters.
///
/// # Errors
/// When it is one.
pub fn unbound(by: &Principal) -> Result<(), Error> {
    if by.bounds.namespaces.is_none() {
        return Ok(());
    }
    Err(Error::new(ErrorCode::Forbidden, "this credential is bound to namespaces, and clusters are more"))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, sync::Arc};

    use fleetgraph_core::Bounds;

    use super::*;

    fn bound(names: &[&str]) -> Option<Arc<BTreeSet<Arc<str>>>> {
        Some(Arc::new(names.iter().map(|name| Arc::from(*name)).collect()))
    }

    #[test]
    fn a_cluster_is_an_administrators_by_tenant_and_within_bounds() {
        let id = ClusterId::new("a").unwrap();
        let mut admin = Principal { admin: true, ..Principal::new("root") }.of_tenants(["shop"]);
        assert!(is_of(&admin, "shop", &id));
        assert!(!is_of(&admin, "bank", &id));
        admin.bounds.clusters = bound(&["b"]);
        assert!(!is_of(&admin, "shop", &id));
    }

    #[test]
    fn who_stays_within_namespaces_connects_nothing() {
        let mut admin = Principal::new("root");
        unbound(&admin).unwrap();
        admin.bounds = Bounds { namespaces: bound(&["shop"]), ..Bounds::default() };
        assert_eq!(unbound(&admin).unwrap_err().code, ErrorCode::Forbidden);
    }
}
