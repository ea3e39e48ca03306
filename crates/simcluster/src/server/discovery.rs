//! What the server serves, for clients that ask before they do: versions, groups, resources, and health.

use serde_json::{Value, json};

use super::answer::{self, Answer};
use super::{Shared, body, openapi};
use crate::cluster::Cluster;
use crate::error::ApiError;
use crate::resources::{BUILT_IN, Resource};
use std::sync::Arc;

/// (group, versions in order of preference), with the custom groups after the built-in ones.
pub(crate) fn groups(cluster: &Cluster) -> Vec<(String, Vec<String>)> {
    let mut groups = BUILT_IN.groups.clone();
    for (group, version, _) in cluster.lock().customs.keys() {
        match groups.iter_mut().find(|(name, _)| name == group) {
            Some((_, versions)) if !versions.contains(version) => versions.push(version.clone()),
            Some(_) => {}
            None => groups.push((group.clone(), vec![version.clone()])),
        }
    }
    let builtin = BUILT_IN.groups.len();
    for (_, versions) in &mut groups[builtin..] {
        versions.sort_by_key(|version| std::cmp::Reverse(priority(version)));
    }
    groups
}

/// Stable before beta before alpha, higher numbers first.
fn priority(version: &str) -> (u8, u32, u32) {
    let number = |text: &str| text.parse::<u32>().unwrap_or(0);
    let Some(rest) = version.strip_prefix('v') else { return (0, 0, 0) };
    if let Some((major, minor)) = rest.split_once("beta") {
        return (2, number(major), number(minor));
    }
    if let Some((major, minor)) = rest.split_once("alpha") {
        return (1, number(major), number(minor));
    }
    (3, number(rest), 0)
}

pub(crate) fn is_served(cluster: &Cluster, group: &str, version: &str) -> bool {
    groups(cluster).iter().any(|(name, versions)| name == group && versions.iter().any(|v| v == version))
}

pub(crate) fn knows_group(cluster: &Cluster, group: &str) -> bool {
    groups(cluster).iter().any(|(name, _)| name == group)
}

pub(crate) fn resources(cluster: &Cluster, group: &str, version: &str) -> Vec<Arc<Resource>> {
    let mut all = BUILT_IN.of(group, version);
    let customs = &cluster.lock().customs;
    all.extend(customs.values().filter(|r| r.group == group && r.version == version).cloned());
    all
}

pub(crate) fn answer(shared: &Shared, cluster: &Cluster, parts: &[String], accept: &str) -> Answer {
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let aggregated = accept.contains("as=APIGroupDiscoveryList");
    match parts.as_slice() {
        ["version"] => answer::json(200, &version(cluster)),
        ["healthz" | "livez" | "readyz", ..] => answer::plain(200, "ok"),
        [] => answer::json(200, &paths(cluster)),
        ["api"] if aggregated => self::aggregated(cluster, true),
        ["apis"] if aggregated => self::aggregated(cluster, false),
        ["api"] => answer::json(
            200,
            &json!({
                "kind": "APIVersions", "versions": ["v1"],
                "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": shared.address.to_string()}],
            }),
        ),
        ["apis"] => {
            let all = groups(cluster);
            let list: Vec<Value> = all.iter().filter(|(name, _)| !name.is_empty()).map(group_entry).collect();
            answer::json(200, &json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": list}))
        }
        ["api", "v1"] => resource_list(cluster, "", "v1"),
        ["apis", group] => match groups(cluster).iter().find(|(name, _)| name == group) {
            Some(found) if !group.is_empty() => {
                let mut entry = group_entry(found);
                entry["kind"] = json!("APIGroup");
                entry["apiVersion"] = json!("v1");
                answer::json(200, &entry)
            }
            _ => answer::plain(404, "404 page not found\n"),
        },
        ["apis", group, version] if is_served(cluster, group, version) => {
            resource_list(cluster, group, version)
        }
        ["openapi", "v3"] => answer::json(200, &openapi::index(cluster)),
        ["openapi", "v3", "api", "v1"] => answer::json(200, &openapi::document(cluster, "", "v1")),
        ["openapi", "v3", "apis", group, version] if is_served(cluster, group, version) => {
            answer::json(200, &openapi::document(cluster, group, version))
        }
        ["apis", group, _] if knows_group(cluster, group) => ApiError::no_such_resource().into(),
        _ => answer::plain(404, "404 page not found\n"),
    }
}

fn paths(cluster: &Cluster) -> Value {
    let mut paths = vec!["/api".to_owned(), "/api/v1".to_owned(), "/apis".to_owned()];
    for (group, versions) in groups(cluster).iter().filter(|(group, _)| !group.is_empty()) {
        paths.push(format!("/apis/{group}"));
        paths.extend(versions.iter().map(|version| format!("/apis/{group}/{version}")));
    }
    paths.extend(["/healthz", "/livez", "/openapi/v3", "/readyz", "/version"].map(str::to_owned));
    json!({"paths": paths})
}

fn version(cluster: &Cluster) -> Value {
    let text = &cluster.options().version;
    let mut numbers = text.trim_start_matches('v').split('.');
    let (major, minor) = (numbers.next().unwrap_or("1"), numbers.next().unwrap_or("0"));
    let previous = minor.parse::<u32>().unwrap_or(1).saturating_sub(1).to_string();
    json!({
        "major": major, "minor": minor, "emulationMajor": major, "emulationMinor": minor,
        "minCompatibilityMajor": major, "minCompatibilityMinor": previous, "gitVersion": text, "gitCommit": "",
        "gitTreeState": "", "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "rustc",
        "platform": "linux/amd64",
    })
}

fn group_entry((name, versions): &(String, Vec<String>)) -> Value {
    let entry = |version: &String| json!({"groupVersion": format!("{name}/{version}"), "version": version});
    let all: Vec<Value> = versions.iter().map(entry).collect();
    json!({"name": name, "versions": all, "preferredVersion": versions.first().map(entry)})
}

fn resource_list(cluster: &Cluster, group: &str, version: &str) -> Answer {
    let mut entries = Vec::new();
    for resource in resources(cluster, group, version) {
        entries.push(resource.entry());
        entries.extend(resource.subresources.iter().map(|sub| sub.entry.clone()));
    }
    let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    // As the server has it: the version of the list is missing in the core group alone.
    let mut list = json!({"kind": "APIResourceList", "groupVersion": group_version, "resources": entries});
    if !group.is_empty() {
        list["apiVersion"] = json!("v1");
    }
    answer::json(200, &list)
}

fn aggregated(cluster: &Cluster, core: bool) -> Answer {
    let groups = groups(cluster);
    let items: Vec<Value> = groups
        .iter()
        .filter(|(name, _)| name.is_empty() == core)
        .map(|(name, versions)| {
            let versions: Vec<Value> = versions
                .iter()
                .map(|version| {
                    let all: Vec<Value> =
                        resources(cluster, name, version).iter().map(|r| aggregated_entry(r)).collect();
                    json!({"version": version, "resources": all, "freshness": "Current"})
                })
                .collect();
            let metadata = if name.is_empty() { json!({}) } else { json!({"name": name}) };
            json!({"metadata": metadata, "versions": versions})
        })
        .collect();
    let list = json!({
        "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items,
    });
    let media = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    let mut answer = answer::with_body(200, media, body::whole(list.to_string()));
    answer.headers_mut().insert(http::header::CACHE_CONTROL, http::HeaderValue::from_static("public"));
    answer
}

fn aggregated_entry(resource: &Resource) -> Value {
    let (group, version) =
        if resource.is_custom() { (resource.group.as_str(), resource.version.as_str()) } else { ("", "") };
    let response = |entry: &Value| {
        let or = |key: &str, otherwise: &str| entry[key].as_str().unwrap_or(otherwise).to_owned();
        json!({"group": or("group", group), "version": or("version", version), "kind": entry["kind"]})
    };
    let mut entry = json!({
        "resource": resource.plural,
        "responseKind": {"group": group, "version": version, "kind": resource.kind},
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": resource.singular,
        "verbs": resource.verbs,
    });
    if !resource.short_names.is_empty() {
        entry["shortNames"] = json!(resource.short_names);
    }
    if !resource.categories.is_empty() {
        entry["categories"] = json!(resource.categories);
    }
    if !resource.subresources.is_empty() {
        let subs = resource.subresources.iter().map(|sub| {
            json!({"subresource": sub.name, "responseKind": response(&sub.entry), "verbs": sub.entry["verbs"]})
        });
        entry["subresources"] = subs.collect();
    }
    entry
}
