//! Who may come in: bearer tokens.

use std::sync::PoisonError;

use super::Cluster;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub groups: Vec<String>,
}

impl User {
    pub fn new(name: &str, groups: &[&str]) -> Self {
        let groups = groups.iter().copied().chain(["system:authenticated"]);
        Self { name: name.to_owned(), groups: groups.map(str::to_owned).collect() }
    }

    pub fn admin() -> Self {
        Self::new("admin", &["system:masters"])
    }

    pub fn anonymous() -> Self {
        Self { name: "system:anonymous".to_owned(), groups: vec!["system:unauthenticated".to_owned()] }
    }

    pub fn is_master(&self) -> bool {
        self.groups.iter().any(|group| group == "system:masters")
    }
}

impl Cluster {
    pub fn add_token(&self, token: &str, user: User) {
        self.0.users.write().unwrap_or_else(PoisonError::into_inner).insert(token.to_owned(), user);
    }

    pub fn remove_token(&self, token: &str) {
        self.0.users.write().unwrap_or_else(PoisonError::into_inner).remove(token);
    }

    pub(crate) fn user_of(&self, token: &str) -> Option<User> {
        self.0.users.read().unwrap_or_else(PoisonError::into_inner).get(token).cloned()
    }
}
