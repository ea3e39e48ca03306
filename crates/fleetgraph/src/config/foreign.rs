//! The settings that other crates declare: authentication, quotas, the HTTP server's and the document limits.
//!
//! Those crates own the types and know what each setting means; their doc comments are the only description there is. So
//! the descriptions are read from those comments, in the sources that this crate was built with. A test compares the result
//! with the types' real keys.

use super::{keys::Section, settings::KeyDoc};

const HTTP: &str = include_str!("../../../http/src/config.rs");
const AUTHENTICATION: &str = include_str!("../../../access/src/authn/config.rs");
const QUOTAS: &str = include_str!("../../../access/src/quota/config.rs");
const LIMITS: &str = include_str!("../../../limits/src/config.rs");

/// The mappings of those crates, by their path in the file.
pub fn sections() -> Vec<Section> {
    let section = |path, source, name| Section { path, keys: fields(source, name).into() };
    vec![
        section("authentication", AUTHENTICATION, "AuthenticationConfig"),
        section("authentication.oidc[]", AUTHENTICATION, "OidcConfig"),
        section("authentication.token_reviews[]", AUTHENTICATION, "TokenReviewConfig"),
        section("authentication.client_certificates", AUTHENTICATION, "ClientCertificateConfig"),
        section("authentication.trusted_proxy", AUTHENTICATION, "TrustedProxyConfig"),
        section("authentication.admins", AUTHENTICATION, "AdminsConfig"),
        section("authentication.tenants[]", AUTHENTICATION, "TenantConfig"),
        section("quotas", QUOTAS, "QuotaConfig"),
        section("quotas.principal", QUOTAS, "PrincipalQuota"),
        section("quotas.tenant", QUOTAS, "TenantQuota"),
        section("http", HTTP, "HttpConfig"),
        section("http.tls", HTTP, "TlsConfig"),
        section("http.persisted_queries", HTTP, "PersistedQueriesConfig"),
        section("http.trusted_documents", HTTP, "TrustedDocumentsConfig"),
        section("http.websocket", HTTP, "WebSocketConfig"),
        section("http.sse", HTTP, "SseConfig"),
        section("limits", LIMITS, "LimitsConfig"),
    ]
}

/// The public fields of a struct, each with its doc comment. A field that is itself a mapping may take the comment of its type.
fn fields(source: &'static str, name: &str) -> Vec<KeyDoc> {
    let mut fields = Vec::new();
    let (mut doc, mut skipped) = (Vec::new(), false);
    for line in body(source, name) {
        let line = line.trim();
        skipped |= line == "#[serde(skip)]";
        if let Some(text) = line.strip_prefix("///") {
            doc.push(text);
        } else if let Some((field, of)) = line.strip_prefix("pub ").and_then(|line| line.split_once(": ")) {
            if doc.is_empty() {
                doc = about(source, of.trim_end_matches(','));
            }
            let doc = std::mem::take(&mut doc).into();
            if !std::mem::take(&mut skipped) {
                fields.push(KeyDoc { name: field, doc });
            }
        }
    }
    fields
}

/// The lines between `pub struct Name {` and the bracket that closes it.
fn body<'a>(source: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let head = format!("pub struct {name} {{");
    source.lines().skip_while(move |line| *line != head).skip(1).take_while(|line| *line != "}")
}

/// The doc comment of a struct.
fn about(source: &'static str, name: &str) -> Vec<&'static str> {
    let head = format!("pub struct {name} {{");
    let lines: Vec<_> = source.lines().take_while(|line| *line != head).collect();
    let above = lines.iter().rev().take_while(|line| line.starts_with("#[") || line.starts_with("///"));
    let mut doc: Vec<_> = above.filter_map(|line| line.strip_prefix("///")).collect();
    doc.reverse();
    doc
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
/// Not this one.
pub struct Other {
    /// No.
    pub size: u32,
}

/// Bounds of a thing.
#[derive(Debug)]
#[serde(default)]
pub struct Inner {
    /// How large.
    pub size: u32,
}

pub struct Outer {
    /// First line,
    /// second line.
    #[serde(with = \"humantime_serde\")]
    pub time: Duration,
    /// Not a key.
    #[serde(skip)]
    pub skipped: u8,
    pub inner: Inner,
    private: u8,
}
";

    #[test]
    fn fields_are_described_by_their_comment_or_that_of_their_type() {
        let fields = fields(SOURCE, "Outer");
        assert_eq!(fields.iter().map(|field| field.name).collect::<Vec<_>>(), ["time", "inner"]);
        assert_eq!(fields[0].lines().collect::<Vec<_>>(), ["First line,", "second line."]);
        assert_eq!(fields[1].lines().collect::<Vec<_>>(), ["Bounds of a thing."]);
    }
}
