//! Roles and bindings as their objects say them.

use std::sync::Arc;

use fleetgraph_core::Meta;
use serde::{Deserialize, Deserializer};

use crate::rbac::{Binding, Role, RoleRef, Rule, Subject};

/// The group of roles, and that of users and groups.
const GROUP: &str = "rbac.authorization.k8s.io";

#[derive(Deserialize)]
struct RoleText {
    #[serde(default)]
    rules: Option<Vec<Rule>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BindingText {
    role_ref: RefText,
    #[serde(default)]
    subjects: Option<Vec<SubjectText>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RefText {
    #[serde(default)]
    api_group: String,
    kind: String,
    name: Arc<str>,
}

#[derive(Deserialize)]
struct SubjectText {
    kind: String,
    name: Arc<str>,
    #[serde(default)]
    namespace: Option<Arc<str>>,
}

/// The API server writes null for a missing list.
pub fn or_default<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

fn namespace(meta: &Meta) -> Option<Arc<str>> {
    (!meta.namespace.is_empty()).then(|| Arc::from(&*meta.namespace))
}

pub fn role(meta: &Meta, json: &str) -> Option<Role> {
    let text: RoleText = serde_json::from_str(json).ok()?;
    let rules = text.rules.unwrap_or_default().into();
    Some(Role { namespace: namespace(meta), name: Arc::from(&*meta.name), rules })
}

pub fn binding(meta: &Meta, json: &str) -> Option<Binding> {
    let text: BindingText = serde_json::from_str(json).ok()?;
    let RefText { api_group, kind, name } = text.role_ref;
    let role = match kind.as_str() {
        _ if !(api_group.is_empty() || api_group == GROUP) => return None,
        "Role" => RoleRef::Role(name),
        "ClusterRole" => RoleRef::ClusterRole(name),
        _ => return None,
    };
    // A subject of another kind is nobody.
    let subject = |SubjectText { kind, name, namespace }: SubjectText| match kind.as_str() {
        "User" => Some(Subject::User(name)),
        "Group" => Some(Subject::Group(name)),
        "ServiceAccount" => {
            Some(Subject::ServiceAccount { namespace: namespace.filter(|of| !of.is_empty()), name })
        }
        _ => None,
    };
    let subjects = text.subjects.unwrap_or_default().into_iter().filter_map(subject).collect();
    Some(Binding { namespace: namespace(meta), role, subjects })
}
