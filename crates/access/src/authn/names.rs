//! From the names that a proof gives to a principal: one place for what holds whichever way somebody proved it.
//!
//! Kubernetes gives rights to names that begin with `system:` by itself, above all to the group `system:masters`, which
//! its authorizers don't even ask about. So nobody outside of a cluster may give such a name by accident: who claims
//! one is refused, and not let in without it, because then the issuer means something that the configuration does not.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use fleetgraph_core::{Bounds, Principal};

use super::config::{AuthenticationConfig, SystemNames};

pub(crate) const AUTHENTICATED: &str = "system:authenticated";
const SYSTEM: &str = "system:";
const SERVICE_ACCOUNT: &str = "system:serviceaccount:";
const SERVICE_ACCOUNTS: &str = "system:serviceaccounts";
/// What API servers call those who have proven nothing.
const NOBODY: [&str; 2] = ["system:anonymous", "system:unauthenticated"];
pub(super) const MASTERS: &str = "system:masters";
/// Names are compared, logged and sent in headers.
const LONGEST: usize = 1024;

/// What a proof says.
#[derive(Debug, Default)]
pub(super) struct Claimed {
    pub user: String,
    pub uid: String,
    pub groups: Vec<String>,
    pub extra: BTreeMap<String, Vec<String>>,
    pub tenants: Vec<String>,
    /// Whether `tenants` are all that there are, besides those of `tenants` in the configuration.
    pub tenants_decided: bool,
    pub bounds: Bounds,
}

/// What the configuration says of users and groups.
#[derive(Debug)]
pub(super) struct Names {
    admin_users: HashSet<String>,
    admin_groups: HashSet<String>,
    tenants: Vec<(Arc<str>, HashSet<String>, HashSet<String>)>,
    default_tenants: Vec<Arc<str>>,
}

impl Names {
    pub(super) fn new(config: &AuthenticationConfig) -> Self {
        let set = |names: &[String]| names.iter().cloned().collect();
        let tenant = |tenant: &super::TenantConfig| {
            (Arc::from(tenant.name.as_str()), set(&tenant.users), set(&tenant.groups))
        };
        Self {
            admin_users: set(&config.admins.users),
            admin_groups: set(&config.admins.groups),
            tenants: config.tenants.iter().map(tenant).collect(),
            default_tenants: config.default_tenants.iter().map(|name| Arc::from(name.as_str())).collect(),
        }
    }

    /// The principal, in `system:authenticated` besides what was claimed.
    ///
    /// # Errors
    /// Why these names can't be anybody's, without repeating them.
    pub(super) fn principal(&self, claimed: Claimed, trusted: SystemNames) -> Result<Principal, String> {
        let Claimed { user, uid, mut groups, extra, tenants, tenants_decided, bounds } = claimed;
        groups.retain(|group| !group.is_empty());
        check(&user, &groups, trusted)?;
        if !uid.chars().all(allowed) || uid.len() > LONGEST {
            return Err("the user's id has a character that ids don't have, or is too long".to_owned());
        }
        let mut all: BTreeSet<Arc<str>> = tenants.into_iter().map(Arc::from).collect();
        for (tenant, users, of_groups) in &self.tenants {
            if users.contains(&user) || groups.iter().any(|group| of_groups.contains(group)) {
                all.insert(Arc::clone(tenant));
            }
        }
        if all.is_empty() && !tenants_decided {
            all.extend(self.default_tenants.iter().cloned());
        }
        let admin =
            self.admin_users.contains(&user) || groups.iter().any(|group| self.admin_groups.contains(group));
        groups.push(AUTHENTICATED.to_owned());
        let principal = Principal::new(user).in_groups(groups).of_tenants(all);
        Ok(Principal { uid: uid.into(), extra: Arc::new(extra), bounds, admin, ..principal })
    }
}

fn check(user: &str, groups: &[String], trusted: SystemNames) -> Result<(), String> {
    if user.is_empty() {
        return Err("the user's name is empty".to_owned());
    }
    for name in groups.iter().map(String::as_str).chain([user]) {
        if name.len() > LONGEST || !name.chars().all(allowed) {
            return Err("a name has a character that names don't have, or is too long".to_owned());
        }
        if NOBODY.contains(&name) {
            return Err("it claims to be nobody, or in the group of nobody".to_owned());
        }
    }
    let account = service_account(user);
    let fits = |group: &str| {
        !group.starts_with(SYSTEM)
            || group == AUTHENTICATED
            || account.is_some_and(|namespace| {
                group
                    .strip_prefix(SERVICE_ACCOUNTS)
                    .is_some_and(|rest| rest.is_empty() || rest.strip_prefix(':') == Some(namespace))
            })
    };
    let ordinary = !user.starts_with(SYSTEM) && !groups.iter().any(|group| group.starts_with(SYSTEM));
    let of_accounts =
        (account.is_some() || !user.starts_with(SYSTEM)) && groups.iter().all(|group| fits(group));
    let may = match trusted {
        SystemNames::None => ordinary,
        SystemNames::ServiceAccounts => of_accounts,
        SystemNames::All => true,
    };
    if may {
        return Ok(());
    }
    Err("it names a user or group of system:, which `trust_system_names` doesn't let it".to_owned())
}

/// The namespace of a service account's name.
fn service_account(user: &str) -> Option<&str> {
    let (namespace, name) = user.strip_prefix(SERVICE_ACCOUNT)?.split_once(':')?;
    (!namespace.is_empty() && !name.is_empty() && !name.contains(':')).then_some(namespace)
}

/// Control characters would forge lines of a log, or end a header.
fn allowed(c: char) -> bool {
    !c.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names::new(&AuthenticationConfig {
            admins: super::super::AdminsConfig { users: vec!["root".into()], groups: vec!["ops".into()] },
            tenants: vec![super::super::TenantConfig {
                name: "shop".into(),
                users: vec!["carol".into()],
                groups: vec!["sellers".into()],
            }],
            ..AuthenticationConfig::default()
        })
    }

    fn of(user: &str, groups: &[&str]) -> Claimed {
        let groups = groups.iter().map(ToString::to_string).collect();
        Claimed { user: user.into(), groups, ..Claimed::default() }
    }

    fn tenants(principal: &Principal) -> Vec<&str> {
        principal.tenants.iter().map(AsRef::as_ref).collect()
    }

    #[test]
    fn everybody_is_in_the_group_of_the_authenticated_once() {
        let principal = names().principal(of("alice", &["dev", "dev", ""]), SystemNames::None).unwrap();
        let groups: Vec<&str> = principal.groups.iter().map(AsRef::as_ref).collect();
        assert_eq!(groups, ["dev", AUTHENTICATED]);
        assert!(!principal.admin);
        assert_eq!(tenants(&principal), ["default"]);
    }

    #[test]
    fn admins_are_named_users_and_members_of_named_groups() {
        assert!(names().principal(of("root", &[]), SystemNames::None).unwrap().admin);
        assert!(names().principal(of("dan", &["ops"]), SystemNames::None).unwrap().admin);
        assert!(!names().principal(of("ops", &["root"]), SystemNames::None).unwrap().admin);
    }

    #[test]
    fn tenants_come_from_the_proof_and_from_the_configuration_and_else_by_default() {
        let of = |user, groups, own: &[&str], decided| {
            let own = own.iter().map(ToString::to_string).collect();
            let claimed = Claimed { tenants: own, tenants_decided: decided, ..of(user, groups) };
            names().principal(claimed, SystemNames::None).unwrap()
        };
        assert_eq!(tenants(&of("carol", &[], &[], false)), ["shop"]);
        assert_eq!(tenants(&of("dan", &["sellers"], &["bank"], false)), ["bank", "shop"]);
        assert!(tenants(&of("dan", &[], &[], true)).is_empty(), "a claim that gives none gives none");
    }

    #[test]
    fn names_of_the_system_are_refused_unless_they_are_trusted() {
        use SystemNames::{All, None, ServiceAccounts};
        let account = "system:serviceaccount:shop:cart";
        for (user, groups, trusted, may) in [
            ("alice", &["system:masters"][..], None, false),
            ("alice", &["system:authenticated"], None, false),
            ("system:admin", &[], None, false),
            (account, &[], None, false),
            (account, &[], ServiceAccounts, true),
            (
                account,
                &["system:serviceaccounts", "system:serviceaccounts:shop", AUTHENTICATED],
                ServiceAccounts,
                true,
            ),
            (account, &["system:serviceaccounts:bank"], ServiceAccounts, false),
            (account, &["system:masters"], ServiceAccounts, false),
            ("system:serviceaccount:shop", &[], ServiceAccounts, false),
            ("system:node:one", &["system:nodes"], ServiceAccounts, false),
            ("alice", &["system:serviceaccounts"], ServiceAccounts, false),
            ("alice", &["dev", AUTHENTICATED], ServiceAccounts, true),
            ("alice", &["system:masters"], All, true),
            ("system:anonymous", &[], All, false),
            ("alice", &["system:unauthenticated"], All, false),
        ] {
            let is = names().principal(of(user, groups), trusted);
            assert_eq!(is.is_ok(), may, "{user} {groups:?} {trusted:?}: {is:?}");
        }
    }

    #[test]
    fn names_that_could_forge_a_line_or_a_header_are_refused() {
        for user in ["", "a\nb", "a\0", "\u{85}", &"x".repeat(1025)] {
            assert!(names().principal(of(user, &[]), SystemNames::None).is_err(), "{user:?}");
        }
        assert!(names().principal(of("a", &["b\r\nc"]), SystemNames::None).is_err());
        assert!(names().principal(of("Zoë Müller", &["büro"]), SystemNames::None).is_ok());
    }
}
