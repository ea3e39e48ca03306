//! Clusters that nobody listed: every context of the kubeconfig, or the cluster that fleetgraph runs in.

use std::{collections::BTreeMap, path::PathBuf};

use fleetgraph_core::ClusterId;

use super::{Auth, ClusterSpec, ConnectError, kubeconfig, spec::POD_TOKEN_FILE};

/// Where to look.
#[derive(Debug, Clone, Default)]
pub struct DiscoverOptions {
    /// None: the files in `KUBECONFIG`, or `~/.kube/config`, or else the pod's own cluster.
    pub kubeconfigs: Vec<PathBuf>,
    /// Only this context; `None`: all of them.
    pub context: Option<String>,
}

/// What was found.
#[derive(Debug)]
pub struct Discovery {
    pub clusters: Vec<ClusterSpec>,
    /// Files and contexts that can't be used. They don't stop the others.
    pub problems: Vec<ConnectError>,
}

/// Finds clusters. Reads files but asks no cluster anything.
#[must_use]
pub fn discover(options: &DiscoverOptions) -> Discovery {
    let paths = kubeconfig::paths(&options.kubeconfigs);
    if paths.is_empty() {
        return in_cluster(options.context.as_deref());
    }
    let (whole, mut problems) = kubeconfig::merged(&paths);
    let mut names: Vec<String> = whole.contexts.into_iter().map(|context| context.name).collect();
    if let Some(wanted) = &options.context {
        if names.contains(wanted) {
            names = vec![wanted.clone()];
        } else {
            problems.push(ConnectError::MissingContext { wanted: wanted.clone(), known: names });
            names = Vec::new();
        }
    } else if names.is_empty() && problems.is_empty() {
        problems.push(ConnectError::NoCurrentContext { known: Vec::new() });
    }
    let clusters = ids(&names)
        .into_iter()
        .map(|(name, id)| {
            let auth = Auth::Kubeconfig { paths: paths.clone(), context: Some(name.clone()) };
            ClusterSpec { name, ..ClusterSpec::new(id, auth) }
        })
        .collect();
    Discovery { clusters, problems }
}

fn in_cluster(context: Option<&str>) -> Discovery {
    let inside = std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
        && std::path::Path::new(POD_TOKEN_FILE).exists();
    if !inside || context.is_some() {
        return Discovery { clusters: Vec::new(), problems: vec![ConnectError::NoKubeconfig] };
    }
    let clusters =
        ClusterId::new("in-cluster").map(|id| ClusterSpec::new(id, Auth::InCluster)).into_iter().collect();
    Discovery { clusters, problems: Vec::new() }
}

/// An id for each context: its name where that is a valid id, else its name with the offending characters
/// replaced (`arn:aws:eks:eu-1:1:cluster/prod` → `arn-aws-eks-eu-1-1-cluster/prod`). Where two names lead to one
/// id, the one that had to be changed gets a suffix made from its name, so that ids don't depend on order.
fn ids(names: &[String]) -> Vec<(String, ClusterId)> {
    let mut wanted: BTreeMap<String, usize> = BTreeMap::new();
    for name in names {
        *wanted.entry(cleaned(name)).or_default() += 1;
    }
    names
        .iter()
        .filter_map(|name| {
            let mut id = cleaned(name);
            if id != *name && wanted.get(&id).is_some_and(|count| *count > 1) {
                id = format!("{id}-{:06x}", fnv(name) & 0xff_ffff);
            }
            if id != *name {
                tracing::info!(context = %name, cluster = %id, "the context's name can't be a cluster id; using a derived one");
            }
            ClusterId::new(&id).ok().map(|id| (name.clone(), id))
        })
        .collect()
}

fn cleaned(name: &str) -> String {
    /// Room for the suffix within the 253 characters of an id.
    const LONGEST: usize = 240;
    let id: String = name.chars().take(LONGEST).map(|c| if ClusterId::allows(c) { c } else { '-' }).collect();
    if id.is_empty() { "unnamed".to_owned() } else { id }
}

/// FNV-1a: the same in every process and release, unlike the standard library's hasher.
fn fnv(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn config(contexts: &[&str]) -> String {
        let contexts: String = contexts
            .iter()
            .map(|name| format!("- {{name: '{name}', context: {{cluster: c, user: u}}}}\n"))
            .collect();
        format!(
            "apiVersion: v1\nkind: Config\nclusters: [{{name: c, cluster: {{server: 'https://c'}}}}]\n\
             users: [{{name: u, user: {{}}}}]\ncontexts:\n{contexts}"
        )
    }

    fn found(files: &[&str], context: Option<&str>) -> (Vec<String>, Vec<String>) {
        let dir = tempfile::tempdir().unwrap();
        let kubeconfigs = files
            .iter()
            .enumerate()
            .map(|(number, text)| {
                let path = dir.path().join(number.to_string());
                fs::write(&path, text).unwrap();
                path
            })
            .collect();
        let options = DiscoverOptions { kubeconfigs, context: context.map(str::to_owned) };
        let found = discover(&options);
        (
            found.clusters.iter().map(|cluster| cluster.id.to_string()).collect(),
            found.problems.iter().map(ToString::to_string).collect(),
        )
    }

    #[test]
    fn every_context_of_every_file_is_a_cluster_and_the_first_of_a_name_wins() {
        let (ids, problems) = found(&[&config(&["a", "b"]), &config(&["b", "c"])], None);
        assert_eq!(ids, ["a", "b", "c"]);
        assert!(problems.is_empty(), "{problems:?}");
    }

    #[test]
    fn one_unreadable_file_does_not_hide_the_others() {
        let (ids, problems) = found(&["clusters: [", &config(&["a"])], None);
        assert_eq!(ids, ["a"]);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].contains("not the YAML"), "{problems:?}");
    }

    #[test]
    fn a_file_that_does_not_exist_is_named() {
        let options = DiscoverOptions { kubeconfigs: vec!["/nowhere/config".into()], context: None };
        let found = discover(&options);
        assert!(found.clusters.is_empty());
        assert!(found.problems[0].to_string().contains("/nowhere/config"), "{:?}", found.problems);
    }

    #[test]
    fn a_context_can_be_picked_and_a_missing_one_is_a_problem() {
        let files = config(&["a", "b"]);
        assert_eq!(found(&[&files], Some("b")).0, ["b"]);
        let (ids, problems) = found(&[&files], Some("z"));
        assert!(ids.is_empty());
        assert!(problems[0].contains("\"z\"") && problems[0].contains("\"a\""), "{problems:?}");
    }

    #[test]
    fn a_name_with_colons_becomes_a_valid_id() {
        let (ids, _) = found(&[&config(&["arn:aws:eks:eu-1:42:cluster/prod"])], None);
        assert_eq!(ids, ["arn-aws-eks-eu-1-42-cluster/prod"]);
    }

    #[test]
    fn names_that_lead_to_one_id_stay_apart_in_any_order() {
        let (ids, _) = found(&[&config(&["a:b", "a-b", "a b"])], None);
        let (backwards, _) = found(&[&config(&["a b", "a-b", "a:b"])], None);
        assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), 3, "{ids:?}");
        assert_eq!(ids[1], "a-b");
        assert_eq!(ids, backwards.into_iter().rev().collect::<Vec<_>>());
    }
}
