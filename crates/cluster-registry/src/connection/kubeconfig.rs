//! Kubeconfig files: read, merged, and one context of them followed to its cluster and user.
//!
//! kube parses the files. Following the references is done here, because kube takes a missing user for an
//! anonymous one, compares `NO_PROXY` with the proxy's own name, and quotes parts of the file in its errors.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use kube::config::{Cluster, Config, ExecAuthCluster, Kubeconfig, KubeconfigError};

use super::{
    ConnectError,
    resolve::{authority, proxy_url, server_url},
};

/// The files that stand for `given`: themselves, or where none is given, those that `kubectl` would take.
pub(super) fn paths(given: &[PathBuf]) -> Vec<PathBuf> {
    if !given.is_empty() {
        return given.to_vec();
    }
    let listed: Vec<PathBuf> = env::var_os("KUBECONFIG")
        .map(|list| env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()).collect())
        .unwrap_or_default();
    if !listed.is_empty() {
        return listed;
    }
    env::home_dir().map(|home| home.join(".kube/config")).filter(|path| path.exists()).into_iter().collect()
}

/// Reads and merges files. One that can't be read does not hide the others: what is wrong with it is returned
/// beside what the rest says.
pub(super) fn merged(paths: &[PathBuf]) -> (Kubeconfig, Vec<ConnectError>) {
    let mut problems = Vec::new();
    let mut whole = Kubeconfig::default();
    for path in paths {
        match read(path) {
            Ok(one) => match whole.clone().merge(one) {
                Ok(both) => whole = both,
                Err(error) => problems.push(explained(path, &error)),
            },
            Err(error) => problems.push(error),
        }
    }
    (whole, problems)
}

/// Follows one context. Returns what it says, and the files that it refers to.
pub(super) fn load(given: &[PathBuf], context: Option<&str>) -> Result<(Config, Vec<PathBuf>), ConnectError> {
    let paths = paths(given);
    if paths.is_empty() {
        return Err(ConnectError::NoKubeconfig);
    }
    let (whole, problems) = merged(&paths);
    // A file that can't be read is the likelier reason for whatever is missing.
    follow(whole, context).map_err(|error| problems.into_iter().next().unwrap_or(error))
}

fn follow(whole: Kubeconfig, context: Option<&str>) -> Result<(Config, Vec<PathBuf>), ConnectError> {
    let known = || whole.contexts.iter().map(|context| context.name.clone()).collect::<Vec<_>>();
    let wanted = context
        .or(whole.current_context.as_deref().filter(|name| !name.is_empty()))
        .ok_or_else(|| ConnectError::NoCurrentContext { known: known() })?;
    let context = whole
        .contexts
        .iter()
        .find(|context| context.name == wanted)
        .and_then(|context| context.context.as_ref())
        .ok_or_else(|| ConnectError::MissingContext { wanted: wanted.to_owned(), known: known() })?;
    let cluster = whole
        .clusters
        .iter()
        .find(|cluster| cluster.name == context.cluster)
        .and_then(|cluster| cluster.cluster.as_ref())
        .ok_or_else(|| ConnectError::MissingCluster {
            context: wanted.into(),
            cluster: context.cluster.clone(),
        })?;
    let user = context.user.as_deref().filter(|user| !user.is_empty());
    let auth = user.map_or(Ok(Default::default()), |user| {
        whole
            .auth_infos
            .iter()
            .find(|info| info.name == user)
            .map(|info| info.auth_info.clone().unwrap_or_default())
            .ok_or_else(|| ConnectError::MissingUser { context: wanted.into(), user: user.into() })
    })?;

    let mut config = connect_to(cluster)?;
    config.auth_info = auth;
    if let Some(namespace) = &context.namespace {
        config.default_namespace.clone_from(namespace);
    }
    if let Some(exec) = &mut config.auth_info.exec
        && exec.provide_cluster_info
    {
        let about = ExecAuthCluster::try_from(cluster)
            .map_err(|error| ConnectError::Spec(format!("context {wanted:?}: {error}")))?;
        exec.cluster = Some(about);
    }
    let user = &config.auth_info;
    let files =
        [&cluster.certificate_authority, &user.token_file, &user.client_certificate, &user.client_key]
            .into_iter()
            .flatten()
            .map(PathBuf::from)
            .collect();
    Ok((config, files))
}

fn connect_to(cluster: &Cluster) -> Result<Config, ConnectError> {
    let server = cluster.server.as_deref().unwrap_or_default();
    let mut config = Config::new(server_url(server)?);
    let ca_file = cluster.certificate_authority.as_deref().map(Path::new);
    // As in kubectl, data goes before a file.
    let ca_data = cluster.certificate_authority_data.as_deref().filter(|data| !data.is_empty());
    config.root_cert = authority(ca_file.filter(|_| ca_data.is_none()), ca_data)?;
    config.accept_invalid_certs = cluster.insecure_skip_tls_verify.unwrap_or(false);
    config.tls_server_name.clone_from(&cluster.tls_server_name);
    let proxy = cluster.proxy_url.as_deref().filter(|proxy| !proxy.is_empty());
    config.proxy_url = proxy.map(proxy_url).transpose()?;
    Ok(config)
}

fn read(path: &Path) -> Result<Kubeconfig, ConnectError> {
    let bytes = fs::read(path).map_err(|error| ConnectError::File {
        what: "kubeconfig",
        path: path.into(),
        reason: error.to_string(),
    })?;
    // kube indexes past the end of UTF-16 with an odd number of bytes.
    if matches!(bytes.get(..2), Some([0xff, 0xfe] | [0xfe, 0xff])) && bytes.len() % 2 == 1 {
        return Err(ConnectError::Kubeconfig { path: path.into(), reason: "it is broken UTF-16".into() });
    }
    Kubeconfig::read_from(path).map_err(|error| explained(path, &error))
}

fn explained(path: &Path, error: &KubeconfigError) -> ConnectError {
    let reason = match error {
        // kube's own text quotes the lines around the fault, and those may be a key.
        KubeconfigError::Parse(error) => match error.location() {
            Some(at) => {
                format!("it is not the YAML of a kubeconfig, near line {}, column {}", at.line(), at.column())
            }
            None => "it is not the YAML of a kubeconfig".to_owned(),
        },
        other => other.to_string(),
    };
    ConnectError::Kubeconfig { path: path.into(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "
apiVersion: v1
kind: Config
current-context: a
clusters: [{name: c, cluster: {server: 'https://c:6443', certificate-authority: ca.pem}}]
users: [{name: u, user: {tokenFile: token}}]
contexts:
- {name: a, context: {cluster: c, user: u, namespace: shop}}
- {name: no-cluster, context: {cluster: gone, user: u}}
- {name: no-user, context: {cluster: c, user: gone}}
";

    fn written(text: &str) -> (tempfile::TempDir, Vec<PathBuf>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        fs::write(&path, text).unwrap();
        (dir, vec![path])
    }

    #[test]
    fn a_missing_context_names_those_that_exist() {
        let (_dir, paths) = written(ONE);
        let error = load(&paths, Some("prod")).unwrap_err().to_string();
        assert!(error.contains("\"prod\"") && error.contains("\"a\""), "{error}");
    }

    #[test]
    fn a_context_whose_cluster_or_user_is_missing_says_which() {
        let (_dir, paths) = written(ONE);
        fs::write(paths[0].with_file_name("ca.pem"), "").unwrap();
        let error = load(&paths, Some("no-cluster")).unwrap_err();
        assert!(matches!(error, ConnectError::MissingCluster { cluster, .. } if cluster == "gone"));
        let error = load(&paths, Some("no-user")).unwrap_err();
        assert!(matches!(error, ConnectError::MissingUser { user, .. } if user == "gone"));
    }

    #[test]
    fn a_fault_in_the_yaml_is_placed_without_quoting_the_file() {
        let (_dir, paths) = written("users:\n- name: u\n  user: {token: [hush}\n");
        let error = load(&paths, None).unwrap_err().to_string();
        assert!(error.contains("line"), "{error}");
        assert!(!error.contains("hush"), "{error}");
    }

    #[test]
    fn broken_utf_16_is_an_error_and_not_a_panic() {
        let (_dir, paths) = written("");
        fs::write(&paths[0], [0xff, 0xfe, 0x41]).unwrap();
        let error = load(&paths, None).unwrap_err().to_string();
        assert!(error.contains("UTF-16"), "{error}");
    }

    #[test]
    fn a_certificate_authority_without_a_certificate_is_refused() {
        let (_dir, paths) = written(ONE);
        fs::write(paths[0].with_file_name("ca.pem"), "not a certificate").unwrap();
        let error = load(&paths, None).unwrap_err().to_string();
        assert!(error.contains("BEGIN CERTIFICATE"), "{error}");
    }
}
