//! Reading: one object, lists, and the pages of lists, at the revision that was asked for.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::Cluster;
use crate::error::ApiError;
use crate::object::{Key, Object};
use crate::resources::Resource;
use crate::selector::Selection;
use crate::store::Compacted;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum VersionMatch {
    #[default]
    Unset,
    NotOlderThan,
    Exact,
}

#[derive(Debug, Clone, Default)]
pub struct ListOptions {
    pub selection: Selection,
    /// 0 for all.
    pub limit: usize,
    pub continue_token: String,
    pub resource_version: Option<u64>,
    pub version_match: VersionMatch,
}

/// What a list found.
#[derive(Debug)]
pub struct List {
    pub items: Vec<Arc<Object>>,
    pub revision: u64,
    /// Empty on the last page.
    pub continue_token: String,
    /// Not known when a selector narrows the list.
    pub remaining: Option<usize>,
}

/// As the real server writes it, so that tests may take it apart.
#[derive(Serialize, Deserialize)]
struct Token {
    v: String,
    rv: i64,
    start: String,
}

const TOO_OLD: &str = "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";

impl Token {
    fn write(revision: i64, key: &str) -> String {
        let token = Self { v: "meta.k8s.io/v1".to_owned(), rv: revision, start: format!("/{key}\0") };
        BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_string(&token).unwrap_or_default())
    }

    fn read(text: &str) -> Result<Self, ApiError> {
        let bad = |why: String| {
            ApiError::bad_request(format!("invalid continue token: continue key is not valid: {why}"))
        };
        let bytes = BASE64_URL_SAFE_NO_PAD
            .decode(text)
            .or_else(|_| BASE64_STANDARD_NO_PAD.decode(text))
            .map_err(|error| bad(error.to_string()))?;
        let token: Self = serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?;
        if token.v != "meta.k8s.io/v1" {
            return Err(bad(format!("server does not recognize this encoded version \"{}\"", token.v)));
        }
        Ok(token)
    }
}

impl Cluster {
    /// # Errors
    /// 404.
    pub fn get(&self, resource: &Resource, namespace: &str, name: &str) -> Result<Arc<Object>, ApiError> {
        self.lock()
            .get(resource, &Key::new(namespace, name))
            .ok_or_else(|| ApiError::not_found(resource, name))
    }

    /// # Errors
    /// 400 for a continue token that can't be read, 410 for one or for a revision that is too old, 504 for a revision
    /// of the future.
    pub fn list(&self, resource: &Resource, options: &ListOptions) -> Result<List, ApiError> {
        let token = match options.continue_token.as_str() {
            "" => None,
            text => Some(Token::read(text)?),
        };
        let start = token.as_ref().map(|token| token.start.trim_start_matches('/').to_owned());
        let (objects, revision, consistent) = {
            let mut state = self.lock();
            let current = state.revision;
            let wanted = match &token {
                // A token without a revision goes on with what there is now.
                Some(token) => u64::try_from(token.rv).ok().filter(|rv| *rv > 0),
                None => options.resource_version.filter(|_| options.version_match == VersionMatch::Exact),
            };
            if let Some(wanted) = wanted.or(options.resource_version).filter(|wanted| *wanted > current) {
                return Err(ApiError::too_large_resource_version(wanted, current));
            }
            let store = state.store(&resource.storage);
            match wanted {
                Some(revision) => match store.at(revision) {
                    Ok(objects) => (objects, revision, true),
                    Err(Compacted) if token.is_some() => {
                        let mut error = ApiError::expired(TOO_OLD);
                        error.continue_token =
                            start.map(|start| Token::write(-1, start.trim_end_matches('\0')));
                        return Err(error);
                    }
                    Err(Compacted) => {
                        return Err(ApiError::expired(
                            "The resourceVersion for the provided list is too old.",
                        ));
                    }
                },
                None => (store.objects.clone(), current, token.is_none()),
            }
        };
        let namespace = &options.selection.namespace;
        let mut items = Vec::new();
        let mut last = String::new();
        let mut more = 0;
        let from = Key::new(namespace, "");
        for (key, object) in objects.range(from..) {
            if !namespace.is_empty() && **namespace != *key.namespace {
                break;
            }
            if let Some(start) = &start
                && resume_before(key, namespace, start)
            {
                continue;
            }
            if options.limit > 0 && items.len() >= options.limit {
                more += 1;
                // As from etcd: whether anything that is left is selected shows on the next page.
                if options.selection.is_narrow() {
                    break;
                }
                continue;
            }
            if options.selection.matches(object) {
                last = if namespace.is_empty() { key.path() } else { key.name.to_string() };
                items.push(Arc::clone(object));
            }
        }
        let continue_token = if more > 0 {
            Token::write(if consistent { i64::try_from(revision).unwrap_or(i64::MAX) } else { -1 }, &last)
        } else {
            String::new()
        };
        let remaining = (more > 0 && !options.selection.is_narrow()).then_some(more);
        Ok(List { items, revision, continue_token, remaining })
    }
}

/// Whether a key comes before the place where a token goes on: `ns/name\0`, or `name\0` within a namespace.
fn resume_before(key: &Key, namespace: &str, start: &str) -> bool {
    if namespace.is_empty() { key.path().as_str() < start } else { &*key.name < start }
}
