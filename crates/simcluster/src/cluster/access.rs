//! Who may do what: the cluster's RBAC objects, read when they are asked.

use serde_json::{Value, json};

use super::{Cluster, User};

/// What somebody wants to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    pub verb: String,
    pub group: String,
    pub resource: String,
    pub subresource: String,
    /// Empty for all namespaces and for what is in none.
    pub namespace: String,
    pub name: String,
    /// Of a request that is for no resource.
    pub path: Option<String>,
}

const RBAC: &str = "rbac.authorization.k8s.io";

fn has(list: &Value, wanted: &str) -> bool {
    list.as_array().is_some_and(|list| list.iter().any(|item| item == wanted || item == "*"))
}

fn rule_allows(rule: &Value, request: &Request) -> bool {
    if !has(&rule["verbs"], &request.verb) {
        return false;
    }
    if let Some(path) = &request.path {
        return rule["nonResourceURLs"].as_array().is_some_and(|urls| {
            urls.iter().filter_map(Value::as_str).any(|url| {
                url == "*"
                    || url == path
                    || url.strip_suffix('*').is_some_and(|prefix| path.starts_with(prefix))
            })
        });
    }
    let resource = if request.subresource.is_empty() {
        request.resource.clone()
    } else {
        format!("{}/{}", request.resource, request.subresource)
    };
    let named = || {
        let names = rule["resourceNames"].as_array();
        names.is_none_or(|names| names.is_empty() || names.iter().any(|name| *name == request.name))
    };
    let any_sub =
        !request.subresource.is_empty() && has(&rule["resources"], &format!("*/{}", request.subresource));
    has(&rule["apiGroups"], &request.group) && (has(&rule["resources"], &resource) || any_sub) && named()
}

/// The subject of a binding that the user is, as reasons name it.
fn subject_of(binding: &Value, user: &User) -> Option<String> {
    binding["subjects"].as_array()?.iter().find_map(|subject| {
        let name = subject["name"].as_str()?;
        match subject["kind"].as_str()? {
            "User" => (user.name == name).then(|| format!("User \"{name}\"")),
            "Group" => user.groups.iter().any(|group| group == name).then(|| format!("Group \"{name}\"")),
            "ServiceAccount" => {
                let namespace = subject["namespace"].as_str()?;
                (user.name == format!("system:serviceaccount:{namespace}:{name}"))
                    .then(|| format!("ServiceAccount \"{name}/{namespace}\""))
            }
            _ => None,
        }
    })
}

impl Cluster {
    fn objects(&self, plural: &str, namespace: &str) -> Vec<Value> {
        let Some(resource) = self.resource(RBAC, "v1", plural) else { return Vec::new() };
        let options = super::ListOptions {
            selection: crate::selector::Selection::in_namespace(namespace),
            ..super::ListOptions::default()
        };
        self.list(&resource, &options)
            .map_or_else(|_| Vec::new(), |list| list.items.iter().map(|o| o.value()).collect())
    }

    /// (the rule, why it counts for the user), of all roles that are bound to the user for a namespace.
    fn rules(&self, user: &User, namespace: &str) -> Vec<(Value, String)> {
        let cluster_roles = self.objects("clusterroles", "");
        let roles = if namespace.is_empty() { Vec::new() } else { self.objects("roles", namespace) };
        let mut bindings: Vec<(Value, &str)> =
            self.objects("clusterrolebindings", "").into_iter().map(|b| (b, "ClusterRoleBinding")).collect();
        if !namespace.is_empty() {
            bindings.extend(self.objects("rolebindings", namespace).into_iter().map(|b| (b, "RoleBinding")));
        }
        let mut found = Vec::new();
        for (binding, kind) in bindings {
            let Some(subject) = subject_of(&binding, user) else { continue };
            let (role_kind, role) = (&binding["roleRef"]["kind"], &binding["roleRef"]["name"]);
            let place = if role_kind == "Role" { &roles } else { &cluster_roles };
            let Some(role_object) = place.iter().find(|object| object["metadata"]["name"] == *role) else {
                continue;
            };
            let name = binding["metadata"]["name"].as_str().unwrap_or_default();
            let shown = if kind == "RoleBinding" { format!("{name}/{namespace}") } else { name.to_owned() };
            let why = format!(
                "RBAC: allowed by {kind} \"{shown}\" of {} {role} to {subject}",
                role_kind.as_str().unwrap_or_default()
            );
            for rule in role_object["rules"].as_array().into_iter().flatten() {
                found.push((rule.clone(), why.clone()));
            }
        }
        found
    }

    /// Why the user may, or `None` if not. Members of `system:masters` always may.
    pub fn allows(&self, user: &User, request: &Request) -> Option<String> {
        if user.is_master() {
            return Some(String::new());
        }
        self.rules(user, &request.namespace)
            .into_iter()
            .find(|(rule, _)| rule_allows(rule, request))
            .map(|(_, why)| why)
    }

    /// The status of a `SelfSubjectRulesReview`.
    pub(crate) fn rules_of(&self, user: &User, namespace: &str) -> Value {
        let (mut resources, mut paths) = (Vec::new(), Vec::new());
        for (mut rule, _) in self.rules(user, namespace) {
            if let Some(rule) = rule.as_object_mut() {
                rule.remove("nonResourceURLs").map_or_else(
                    || resources.push(json!(rule)),
                    |urls| paths.push(json!({"verbs": rule["verbs"], "nonResourceURLs": urls})),
                );
            }
        }
        json!({"resourceRules": resources, "nonResourceRules": paths, "incomplete": false})
    }
}
