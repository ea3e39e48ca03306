//! From a verified token's claims to names, with the semantics of kube-apiserver's `--oidc-…` settings, so that somebody
//! has the same name here and in the clusters. Where it differs, it refuses more: see each case.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use fleetgraph_core::Bounds;

use super::token::Claims;
use crate::authn::OidcConfig;
use crate::authn::names::Claimed;

/// What stands in place of all clusters or namespaces.
const ALL: &str = "*";

/// Who a token is about, and when it ends.
///
/// # Errors
/// Why it is refused, without its values.
pub(super) fn read(
    config: &OidcConfig,
    claims: &Claims,
    now: SystemTime,
) -> Result<(Claimed, SystemTime), String> {
    let audiences = claims.texts("aud").unwrap_or_default();
    if !audiences.iter().any(|audience| config.audiences.contains(audience)) {
        return Err("it is for another audience".to_owned());
    }
    let until = times(config, claims, now)?;
    // Whatever names the user here: an issuer that writes something else there is none of OpenID Connect.
    if claims.get("sub").is_some_and(|sub| !sub.is_string() && !sub.is_null()) {
        return Err(missing("sub", "a text"));
    }
    for (name, wanted) in &config.required_claims {
        if claims.text(name) != Some(wanted) {
            return Err(format!("its claim {name:?} is not the required text"));
        }
    }
    let uid = match config.uid_claim.as_str() {
        "" => String::new(),
        claim => claims.text(claim).ok_or_else(|| missing(claim, "a text"))?.to_owned(),
    };
    let extra = config.extra_claims.iter().filter_map(|(key, claim)| {
        // As with an empty value of kube-apiserver's mapping: then there is no such attribute.
        let values: Vec<_> =
            claims.texts(claim).unwrap_or_default().into_iter().filter(|value| !value.is_empty()).collect();
        (!values.is_empty()).then(|| (key.clone(), values))
    });
    let claimed = Claimed {
        user: user(config, claims)?,
        uid,
        groups: groups(config, claims)?,
        extra: extra.collect(),
        tenants: tenants(config, claims)?,
        tenants_decided: !config.tenants_claim.is_empty(),
        bounds: bounds(config, claims)?,
    };
    Ok((claimed, until))
}

fn times(config: &OidcConfig, claims: &Claims, now: SystemTime) -> Result<SystemTime, String> {
    let until = claims.time("exp").ok_or_else(|| missing("exp", "a time"))?;
    if until <= now {
        return Err("it has expired".to_owned());
    }
    for (name, why) in [("nbf", "it is not valid yet"), ("iat", "it was issued in the future")] {
        // To kube-apiserver, too, a null is as good as nothing in `nbf`, and wrong in `iat`.
        match claims.get(name) {
            None => continue,
            Some(value) if value.is_null() && name == "nbf" => continue,
            Some(_) => {}
        }
        let time = claims.time(name).ok_or_else(|| missing(name, "a time"))?;
        if time.duration_since(now).is_ok_and(|ahead| ahead > config.clock_skew) {
            return Err(why.to_owned());
        }
    }
    Ok(until)
}

fn user(config: &OidcConfig, claims: &Claims) -> Result<String, String> {
    let claim = config.username_claim.as_str();
    let name = claims.text(claim).filter(|name| !name.is_empty()).ok_or_else(|| missing(claim, "a text"))?;
    // kube-apiserver takes an address of which the issuer does not say whether it was verified; whoever may write any
    // address into their profile would be anybody.
    if claim == "email" && claims.get("email_verified").and_then(serde_json::Value::as_bool) != Some(true) {
        return Err("its email address is not verified".to_owned());
    }
    Ok(match config.username_prefix.as_str() {
        "-" => name.to_owned(),
        "" if claim == "email" => name.to_owned(),
        "" => format!("{}#{name}", config.issuer),
        prefix => format!("{prefix}{name}"),
    })
}

fn groups(config: &OidcConfig, claims: &Claims) -> Result<Vec<String>, String> {
    let claim = config.groups_claim.as_str();
    if claim.is_empty() || claims.get(claim).is_none_or(serde_json::Value::is_null) {
        return Ok(Vec::new());
    }
    let groups = claims.texts(claim).ok_or_else(|| missing(claim, "a text or texts"))?;
    Ok(groups.into_iter().map(|group| format!("{}{group}", config.groups_prefix)).collect())
}

fn tenants(config: &OidcConfig, claims: &Claims) -> Result<Vec<String>, String> {
    let mut tenants = config.tenants.clone();
    let claim = config.tenants_claim.as_str();
    if claim.is_empty() || claims.get(claim).is_none() {
        return Ok(tenants);
    }
    for text in claims.texts(claim).ok_or_else(|| missing(claim, "a text or texts"))? {
        if config.tenants_mapping.is_empty() {
            tenants.push(text);
        } else {
            tenants.extend(config.tenants_mapping.get(&text).into_iter().flatten().cloned());
        }
    }
    tenants.retain(|tenant| !tenant.is_empty());
    Ok(tenants)
}

fn bounds(config: &OidcConfig, claims: &Claims) -> Result<Bounds, String> {
    let claimed = |claim: &str| -> Result<Option<BTreeSet<Arc<str>>>, String> {
        if claim.is_empty() {
            return Ok(None);
        }
        let texts = claims.texts(claim).ok_or_else(|| missing(claim, "a text or texts"))?;
        Ok((!texts.iter().any(|text| text == ALL)).then(|| texts.into_iter().map(Arc::from).collect()))
    };
    let of_token = claimed(&config.clusters_claim)?;
    let of_issuer: BTreeSet<Arc<str>> = config.clusters.iter().map(|id| Arc::from(id.as_str())).collect();
    let clusters = match of_token {
        Some(ids) if of_issuer.is_empty() => Some(ids),
        Some(ids) => Some(ids.intersection(&of_issuer).cloned().collect()),
        None => (!of_issuer.is_empty()).then_some(of_issuer),
    };
    let namespaces = claimed(&config.namespaces_claim)?;
    Ok(Bounds { clusters: clusters.map(Arc::new), namespaces: namespaces.map(Arc::new), read_only: false })
}

fn missing(claim: &str, what: &str) -> String {
    format!("it has no claim {claim:?} that is {what}")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use serde_json::{Value, json};

    use super::*;

    const NOW: u64 = 1_000_000;

    fn config() -> OidcConfig {
        OidcConfig {
            issuer: "https://issuer.example".to_owned(),
            audiences: vec!["fleet".to_owned()],
            groups_claim: "groups".to_owned(),
            ..OidcConfig::default()
        }
    }

    fn read_with(config: &OidcConfig, changes: Value) -> Result<(Claimed, SystemTime), String> {
        let mut claims = json!({ "sub": "alice", "aud": "fleet", "exp": NOW + 60 });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        read(config, &Claims::of(claims), UNIX_EPOCH + Duration::from_secs(NOW))
    }

    fn with(changes: Value) -> Result<(Claimed, SystemTime), String> {
        read_with(&config(), changes)
    }

    #[test]
    fn a_token_holds_until_the_second_of_its_end_and_the_issuers_clock_may_be_a_little_ahead() {
        assert_eq!(with(json!({ "exp": NOW + 1 })).unwrap().1, UNIX_EPOCH + Duration::from_secs(NOW + 1));
        for exp in [json!(NOW), json!(NOW - 1), json!(0), json!(-5), json!(null), json!("1000001")] {
            assert!(with(json!({ "exp": exp })).is_err(), "{exp}");
        }
        for name in ["nbf", "iat"] {
            assert!(with(json!({ name: NOW + 10 })).is_ok());
            assert!(with(json!({ name: NOW + 11 })).is_err());
            assert!(with(json!({ name: "soon" })).is_err());
            let strict = OidcConfig { clock_skew: Duration::ZERO, ..config() };
            assert!(read_with(&strict, json!({ name: NOW })).is_ok());
            assert!(read_with(&strict, json!({ name: NOW + 1 })).is_err());
        }
    }

    #[test]
    fn one_of_the_audiences_must_be_ours() {
        for (aud, may) in [
            (json!("fleet"), true),
            (json!(["a", "fleet"]), true),
            (json!("fleet "), false),
            (json!([]), false),
            (json!(["fleet", 1]), false),
            (json!({ "fleet": true }), false),
            (json!(null), false),
        ] {
            assert_eq!(with(json!({ "aud": aud })).is_ok(), may, "{aud}");
        }
    }

    #[test]
    fn the_users_name_has_the_prefix_that_is_configured_or_the_issuers() {
        let of = |claim: &str, prefix: &str| {
            let config = OidcConfig {
                username_claim: claim.to_owned(),
                username_prefix: prefix.to_owned(),
                ..config()
            };
            let mail = json!({ "email": "a@b.example", "email_verified": true, "name": "Alice" });
            read_with(&config, mail).unwrap().0.user
        };
        assert_eq!(of("sub", ""), "https://issuer.example#alice");
        assert_eq!(of("name", ""), "https://issuer.example#Alice");
        assert_eq!(of("sub", "-"), "alice");
        assert_eq!(of("sub", "oidc:"), "oidc:alice");
        assert_eq!(of("email", ""), "a@b.example");
        assert_eq!(of("email", "-"), "a@b.example");
        assert_eq!(of("email", "oidc:"), "oidc:a@b.example");
    }

    #[test]
    fn an_address_counts_only_when_the_issuer_says_that_it_was_verified() {
        let config = OidcConfig { username_claim: "email".to_owned(), ..config() };
        let of = |verified: Value| {
            read_with(&config, json!({ "email": "a@b.example", "email_verified": verified }))
        };
        assert!(of(json!(true)).is_ok());
        for not in [json!(false), json!("true"), json!(1), json!(null)] {
            assert!(of(not.clone()).is_err(), "{not}");
        }
        assert!(read_with(&config, json!({ "email": "a@b.example" })).is_err());
    }

    #[test]
    fn required_claims_are_required_as_they_are() {
        let config =
            OidcConfig { required_claims: [("org".to_owned(), "acme".to_owned())].into(), ..config() };
        for (org, may) in
            [(json!("acme"), true), (json!("ACME"), false), (json!(["acme"]), false), (json!(null), false)]
        {
            assert_eq!(read_with(&config, json!({ "org": org })).is_ok(), may, "{org}");
        }
        assert!(read_with(&config, json!({})).is_err());
    }
}
