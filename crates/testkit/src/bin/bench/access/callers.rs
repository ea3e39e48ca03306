//! Who asks.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::json;
use testkit::Issuer;

use super::rights::Rights;
use crate::cluster::AUDIENCE;

/// Names of users.
pub const EVERYWHERE: &str = "everywhere";
pub const BOUND: &str = "bound";
pub const OVERLAPPING: &str = "overlapping";
pub const ONE_NAMESPACE: &str = "one-namespace";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Caller {
    /// The one whom the others are measured against: no row of an answer needs a look.
    Everywhere,
    /// Asks the server that wants to know nothing.
    Anybody,
    Bound,
    Overlapping,
    /// Another one for each question, with the groups of the one before.
    New,
    OneNamespace,
}

impl Caller {
    pub const ALL: [Self; 6] =
        [Self::Everywhere, Self::Anybody, Self::Bound, Self::Overlapping, Self::New, Self::OneNamespace];

    pub fn what(self) -> &'static str {
        match self {
            Self::Everywhere => "one ClusterRoleBinding, for everything",
            Self::Anybody => "without authentication",
            Self::Bound => "a RoleBinding in each namespace",
            Self::Overlapping => "the same and ten times as many that overlap",
            Self::New => "never seen before, through groups",
            Self::OneNamespace => "a RoleBinding in one namespace",
        }
    }

    /// Whether it gets the whole answer.
    pub fn sees_everything(self) -> bool {
        self != Self::OneNamespace
    }
}

/// Their tokens.
pub struct Callers<'a> {
    issuer: &'a Issuer,
    groups: &'a [String],
    tokens: BTreeMap<Caller, String>,
    /// So many came new.
    new: usize,
}

impl<'a> Callers<'a> {
    pub fn new(issuer: &'a Issuer, rights: &'a Rights) -> Result<Self> {
        let mut this = Self { issuer, groups: &rights.groups, tokens: BTreeMap::new(), new: 0 };
        for (caller, name, groups) in [
            (Caller::Everywhere, EVERYWHERE, &[][..]),
            (Caller::Bound, BOUND, &[]),
            (Caller::Overlapping, OVERLAPPING, this.groups),
            (Caller::OneNamespace, ONE_NAMESPACE, &[]),
        ] {
            let token = token(this.issuer, name, groups)?;
            this.tokens.insert(caller, token);
        }
        Ok(this)
    }

    /// Of one that has a token.
    pub fn token(&mut self, caller: Caller) -> Result<String> {
        if caller == Caller::New {
            self.new += 1;
            return token(self.issuer, &format!("new-{}", self.new), self.groups);
        }
        self.tokens.get(&caller).cloned().with_context(|| format!("{caller:?} needs no token"))
    }
}

pub fn token(issuer: &Issuer, user: &str, groups: &[String]) -> Result<String> {
    issuer.token(json!({ "sub": user, "groups": groups, "aud": AUDIENCE }))
}
