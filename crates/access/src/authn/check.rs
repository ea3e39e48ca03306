//! What the types of the configuration can't say: values that are missing, contradict each other, or can't work.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::time::Duration;

use fleetgraph_core::ClusterId;
use http::HeaderName;

use super::config::{AuthenticationConfig, OidcConfig, SystemNames, TokenReviewConfig, TrustedProxyConfig};
use super::oidc::Address;

/// More would let tokens in that the issuer means for another day.
const LONGEST_SKEW: Duration = Duration::from_secs(5 * 60);

/// Keys below `authentication`, such as `oidc[0].audiences`, with what is wrong there.
struct Faults(Vec<(String, String)>);

impl Faults {
    fn add(&mut self, key: impl Into<String>, message: impl Into<String>) {
        self.0.push((key.into(), message.into()));
    }

    fn unless(&mut self, holds: bool, key: impl Into<String>, message: &str) {
        if !holds {
            self.add(key, message);
        }
    }
}

impl AuthenticationConfig {
    /// Everything that is wrong, by the key's path, such as `oidc[0].audiences`; nothing if it can be used.
    #[must_use]
    pub fn check(&self) -> Vec<(String, String)> {
        let mut faults = Faults(Vec::new());
        let mut issuers = HashSet::new();
        for (number, issuer) in self.oidc.iter().enumerate() {
            let key = format!("oidc[{number}]");
            issuer.check(&key, &mut faults);
            let first = issuers.insert(issuer.issuer.as_str());
            faults.unless(first, format!("{key}.issuer"), "named twice; one entry for each issuer");
        }
        for (number, review) in self.token_reviews.iter().enumerate() {
            let key = format!("token_reviews[{number}]");
            review.check(&key, &mut faults);
            let taken = review.issuers.iter().find(|issuer| issuers.contains(issuer.as_str()));
            let message = "has an issuer that is in `oidc` too, which alone decides about its tokens";
            faults.unless(taken.is_none(), format!("{key}.issuers"), message);
        }
        self.trusted_proxy.check(&mut faults);
        let same = self.trusted_proxy.is_configured()
            && self.trusted_proxy.ca_file == self.client_certificates.ca_file;
        let message = "the same file as `client_certificates.ca_file`: whoever has a client's certificate could speak for \
                       everybody; the proxy needs an authority of its own";
        faults.unless(!same, "trusted_proxy.ca_file", message);
        for (number, tenant) in self.tenants.iter().enumerate() {
            let key = format!("tenants[{number}].name");
            faults.unless(!tenant.name.is_empty(), key, "missing; the tenant's name");
        }
        let lists = [
            ("admins.users", &self.admins.users),
            ("admins.groups", &self.admins.groups),
            ("default_tenants", &self.default_tenants),
        ];
        let members = self.tenants.iter().enumerate().flat_map(|(number, tenant)| {
            [("users", &tenant.users), ("groups", &tenant.groups)]
                .map(|(list, names)| (format!("tenants[{number}].{list}"), names))
        });
        for (key, names) in lists.map(|(key, names)| (key.to_owned(), names)).into_iter().chain(members) {
            no_empty_text(names, key, &mut faults);
        }
        faults.unless(self.cached_tokens > 0, "cached_tokens", "must be at least 1");
        faults.0
    }
}

impl OidcConfig {
    fn check(&self, key: &str, faults: &mut Faults) {
        let at = |name: &str| format!("{key}.{name}");
        if let Err(message) = Address::of_issuer(&self.issuer) {
            faults.add(at("issuer"), message);
        }
        if !self.discovery_url.is_empty()
            && let Err(message) = Address::parse(&self.discovery_url)
        {
            faults.add(at("discovery_url"), message);
        }
        let message = "at least one is needed: else tokens that were made for others are accepted";
        faults.unless(!self.audiences.is_empty(), at("audiences"), message);
        faults.unless(!self.algorithms.is_empty(), at("algorithms"), "at least one is needed");
        faults.unless(!self.username_claim.is_empty(), at("username_claim"), "must not be empty");
        faults.unless(self.clock_skew <= LONGEST_SKEW, at("clock_skew"), "at most 5 minutes");
        for (name, time) in [
            ("keys_refresh", self.keys_refresh),
            ("keys_least_interval", self.keys_least_interval),
            ("timeout", self.timeout),
        ] {
            faults.unless(!time.is_zero(), at(name), "must be longer than zero");
        }
        let ages = self.keys_max_age >= self.keys_refresh;
        faults.unless(
            ages,
            at("keys_max_age"),
            "shorter than `keys_refresh`: nobody could log in in between",
        );
        for extra in self.extra_claims.keys() {
            let fits =
                !extra.is_empty() && !extra.chars().any(|c| c.is_ascii_uppercase() || c.is_whitespace());
            faults.unless(fits, at("extra_claims"), "keys of attributes are in lower case, without spaces");
        }
        let mapped = self.tenants_mapping.is_empty() || !self.tenants_claim.is_empty();
        faults.unless(mapped, at("tenants_mapping"), "means nothing without `tenants_claim`");
        for (name, texts) in
            [("audiences", &self.audiences), ("tenants", &self.tenants), ("clusters", &self.clusters)]
        {
            no_empty_text(texts, at(name), faults);
        }
        no_empty_claim(&self.extra_claims, at("extra_claims"), faults);
        clusters(&self.clusters, at("clusters"), faults);
        let bound = self.trust_system_names != SystemNames::ServiceAccounts || !self.clusters.is_empty();
        let message = "missing: a service account's name means another account in each cluster; name the cluster whose \
                       accounts these are, or `*` if they are the same in all";
        faults.unless(bound, at("clusters"), message);
    }
}

impl TokenReviewConfig {
    fn check(&self, key: &str, faults: &mut Faults) {
        let at = |name: &str| format!("{key}.{name}");
        faults.unless(ClusterId::new(&self.cluster).is_ok(), at("cluster"), "not the id of a cluster");
        clusters(&self.clusters, at("clusters"), faults);
        for (name, texts) in
            [("issuers", &self.issuers), ("audiences", &self.audiences), ("tenants", &self.tenants)]
        {
            no_empty_text(texts, at(name), faults);
        }
    }
}

impl TrustedProxyConfig {
    fn check(&self, faults: &mut Faults) {
        let at = |name: &str| format!("trusted_proxy.{name}");
        if !self.is_configured() {
            let message = "missing, while `allowed_names` names a proxy: without it the headers mean nothing";
            faults.unless(self.allowed_names.is_empty(), at("ca_file"), message);
            return;
        }
        let message =
            "at least one is needed: else each certificate of this authority could speak for everybody";
        faults.unless(!self.allowed_names.is_empty(), at("allowed_names"), message);
        no_empty_text(&self.allowed_names, at("allowed_names"), faults);
        let mut known = HashSet::new();
        for (name, header) in [
            ("user_header", &self.user_header),
            ("group_header", &self.group_header),
            ("uid_header", &self.uid_header),
            ("extra_header_prefix", &self.extra_header_prefix),
        ] {
            let named = HeaderName::from_bytes(header.as_bytes());
            let fits = named.as_ref().is_ok_and(|header| *header != http::header::AUTHORIZATION);
            faults.unless(fits, at(name), "not the name of a header that could hold this");
            let first = known.insert(header.to_ascii_lowercase());
            faults.unless(first, at(name), "the same header as another one of these");
        }
    }
}

fn no_empty_text(texts: &[String], key: impl Into<String>, faults: &mut Faults) {
    faults.unless(!texts.iter().any(String::is_empty), key, "has an empty text");
}

fn no_empty_claim(claims: &BTreeMap<String, String>, key: String, faults: &mut Faults) {
    faults.unless(!claims.values().any(String::is_empty), key, "has an empty claim");
}

fn clusters(ids: &[String], key: String, faults: &mut Faults) {
    let fits = |id: &String| id == "*" || ClusterId::new(id).is_ok();
    faults.unless(ids.iter().all(fits), key, "not all of these are ids of clusters");
}

/// Whether a path was set.
#[must_use]
pub(super) fn is_set(path: &Path) -> bool {
    !path.as_os_str().is_empty()
}
