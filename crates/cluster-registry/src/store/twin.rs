//! What those are shown of an object who may not unmask it.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::AtomicU64},
};

use fleetgraph_core::Kind;

use super::Shared as StoreShared;
use crate::{
    entry::{Entry, Mark, Shared},
    pii::{FieldPath, Masked, Way, mask},
    raw,
};

/// The object without what the paths name; `None` if they name nothing in it. It is read as any other object, from its
/// masked text; where a field can't be what masking makes of it, more is left out.
///
/// # Errors
/// When an object of the kind can't be read by its metadata alone.
pub(super) fn twin<K: Kind>(
    shared: &StoreShared<K>,
    text: &str,
    paths: &BTreeSet<&FieldPath>,
) -> Result<Option<Shared<K>>, Box<dyn std::error::Error>> {
    if paths.is_empty() {
        return Ok(None);
    }
    let Some(masked) = mask(text, paths, Way::Replaced)? else { return Ok(None) };
    if let Ok(twin) = read(shared, masked) {
        return Ok(Some(twin));
    }
    if let Some(masked) = mask(text, paths, Way::LeftOut)?
        && let Ok(twin) = read(shared, masked)
    {
        return Ok(Some(twin));
    }
    mask(text, paths, Way::Bare)?.map(|masked| read(shared, masked)).transpose()
}

fn read<K: Kind>(shared: &StoreShared<K>, masked: Masked) -> Result<Shared<K>, Box<dyn std::error::Error>> {
    let (meta, text) = raw::read(shared.kind, &masked.text)?;
    let columns = K::columns_of(shared.kind, &text)?;
    let body = shared.codec.encode(&text)?;
    let mark = Some(Mark::Masked(masked.fields.into()));
    let cluster = shared.cluster.clone();
    Ok(Arc::new(Entry { cluster, meta, columns, change: AtomicU64::new(0), body, mark }))
}

#[cfg(test)]
mod tests;
