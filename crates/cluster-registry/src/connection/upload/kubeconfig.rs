//! The strict reading of a kubeconfig: every key is known, and one that can't be accepted is an error of its own.

use secrecy::SecretString;
use serde::{Deserialize, Deserializer, de::IgnoredAny};

use super::{MAX_BYTES, UploadError, Uploaded};

/// Deeper than any kubeconfig; extensions may hold something.
const DEEPEST: usize = 16;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct File {
    #[serde(default, rename = "apiVersion")]
    _api_version: Option<String>,
    #[serde(default, rename = "kind")]
    _kind: Option<String>,
    #[serde(default, rename = "preferences")]
    _preferences: Option<IgnoredAny>,
    #[serde(default, rename = "extensions")]
    _extensions: Option<IgnoredAny>,
    #[serde(default)]
    current_context: Option<String>,
    #[serde(default)]
    contexts: Option<Vec<NamedContext>>,
    #[serde(default)]
    clusters: Option<Vec<NamedCluster>>,
    #[serde(default)]
    users: Option<Vec<NamedUser>>,
}

macro_rules! named {
    ($name:ident { $field:ident: $type:ty }) => {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct $name {
            name: String,
            #[serde(default)]
            $field: Option<$type>,
        }

        impl $name {
            fn parts(self) -> (String, Option<$type>) {
                (self.name, self.$field)
            }
        }
    };
}

named!(NamedContext { context: Context });
named!(NamedCluster { cluster: Cluster });
named!(NamedUser { user: User });

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Context {
    #[serde(default)]
    cluster: String,
    #[serde(default)]
    user: Option<String>,
    #[serde(default, rename = "namespace")]
    _namespace: Option<String>,
    #[serde(default, rename = "extensions")]
    _extensions: Option<IgnoredAny>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Cluster {
    #[serde(default)]
    server: String,
    #[serde(default)]
    tls_server_name: Option<String>,
    #[serde(default)]
    insecure_skip_tls_verify: Option<bool>,
    #[serde(default)]
    certificate_authority: Option<String>,
    #[serde(default)]
    certificate_authority_data: Option<String>,
    #[serde(default)]
    proxy_url: Option<String>,
    #[serde(default, rename = "disable-compression")]
    _disable_compression: Option<bool>,
    #[serde(default, rename = "extensions")]
    _extensions: Option<IgnoredAny>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct User {
    #[serde(default)]
    client_certificate: Option<String>,
    #[serde(default)]
    client_certificate_data: Option<String>,
    #[serde(default)]
    client_key: Option<String>,
    #[serde(default, deserialize_with = "secret")]
    client_key_data: Option<SecretString>,
    #[serde(default, deserialize_with = "secret")]
    token: Option<SecretString>,
    #[serde(default, rename = "tokenFile")]
    token_file: Option<String>,
    #[serde(default)]
    r#as: Option<IgnoredAny>,
    #[serde(default)]
    as_uid: Option<IgnoredAny>,
    #[serde(default)]
    as_groups: Option<IgnoredAny>,
    #[serde(default)]
    as_user_extra: Option<IgnoredAny>,
    #[serde(default)]
    username: Option<IgnoredAny>,
    #[serde(default)]
    password: Option<IgnoredAny>,
    #[serde(default)]
    auth_provider: Option<IgnoredAny>,
    #[serde(default)]
    exec: Option<IgnoredAny>,
    #[serde(default, rename = "extensions")]
    _extensions: Option<IgnoredAny>,
}

/// An empty secret counts as none, as in kubectl.
fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SecretString>, D::Error> {
    Ok(filled(Option::<String>::deserialize(from)?).map(SecretString::from))
}

fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// Follows one context. What it leads to is not checked yet beyond its keys.
pub(super) fn read(text: &str, context: Option<&str>) -> Result<Uploaded, UploadError> {
    let file = parse(text)?;
    let contexts: Vec<_> = file.contexts.unwrap_or_default().into_iter().map(NamedContext::parts).collect();
    let known = || contexts.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    let current = file.current_context.filter(|name| !name.is_empty());
    let wanted = match (context, current, contexts.as_slice()) {
        (Some(wanted), ..) => wanted.to_owned(),
        (None, Some(current), _) => current,
        (None, None, [(only, _)]) => only.clone(),
        (None, None, _) => return Err(UploadError::NoContext { known: known() }),
    };
    if !contexts.iter().any(|(name, _)| *name == wanted) {
        return Err(UploadError::MissingContext { known: known(), wanted });
    }
    let context = one("context", wanted, contexts)?;
    let clusters = file.clusters.unwrap_or_default().into_iter().map(NamedCluster::parts);
    let cluster = one("cluster", context.cluster, clusters)?;
    let user = filled(context.user).ok_or(UploadError::NoCredentials)?;
    let user = one("user", user, file.users.unwrap_or_default().into_iter().map(NamedUser::parts))?;
    inline(cluster, user)
}

fn parse(text: &str) -> Result<File, UploadError> {
    if text.len() > MAX_BYTES {
        return Err(UploadError::TooLong);
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_anchors: 0,
            max_aliases: 0,
            max_merge_keys: 0,
            max_documents: 1,
            max_inclusion_depth: 0,
            max_depth: DEEPEST,
            flow_nesting_limit: DEEPEST,
        },
        strict_booleans: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| UploadError::NotKubeconfig(error.location().map(|at| (at.line(), at.column()))))
}

/// The one thing of a name.
fn one<T: Default>(
    what: &'static str,
    wanted: String,
    named: impl IntoIterator<Item = (String, Option<T>)>,
) -> Result<T, UploadError> {
    let mut found = named.into_iter().filter(|(name, _)| *name == wanted);
    match (found.next(), found.next()) {
        (Some((_, thing)), None) => Ok(thing.unwrap_or_default()),
        (Some(_), Some(_)) => Err(UploadError::Ambiguous { what, name: wanted }),
        (None, _) => Err(UploadError::Missing { what, name: wanted }),
    }
}

fn inline(cluster: Cluster, user: User) -> Result<Uploaded, UploadError> {
    if user.exec.is_some() {
        return Err(UploadError::Plugin);
    }
    if user.auth_provider.is_some() {
        return Err(UploadError::AuthProvider);
    }
    if user.username.is_some() || user.password.is_some() {
        return Err(UploadError::Password);
    }
    if [&user.r#as, &user.as_uid, &user.as_groups, &user.as_user_extra].into_iter().any(Option::is_some) {
        return Err(UploadError::Impersonation);
    }
    for (file, key, instead) in [
        (&cluster.certificate_authority, "certificate-authority", "certificate-authority-data"),
        (&user.client_certificate, "client-certificate", "client-certificate-data"),
        (&user.client_key, "client-key", "client-key-data"),
        (&user.token_file, "tokenFile", "token"),
    ] {
        if file.is_some() {
            return Err(UploadError::File { key, instead });
        }
    }
    let identity = match (filled(user.client_certificate_data), user.client_key_data) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => return Err(UploadError::HalfAnIdentity),
    };
    Ok(Uploaded {
        server: cluster.server,
        authority: filled(cluster.certificate_authority_data),
        server_name: filled(cluster.tls_server_name),
        insecure: cluster.insecure_skip_tls_verify.unwrap_or(false),
        proxy_url: filled(cluster.proxy_url),
        token: user.token,
        identity,
    })
}
