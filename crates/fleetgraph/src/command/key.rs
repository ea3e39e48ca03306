//! `fleetgraph key`: the key that seals stored credentials is changed, while servers run.

use std::fmt::Write as _;

use anyhow::{Context, bail};
use catalog::{Catalog, Rotation};
use clap::Subcommand;

use super::{CatalogArguments, Deed, audited, over};
use crate::config::Config;

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Seal every stored credential with the first key of `catalog.key_files` and `catalog.key_variables`, so that the others can be removed.
    ///
    /// Give every server the new key behind the old ones first, and restart them; then put it in front of them, and run
    /// this. It may be broken off, and run again.
    Rotate {
        #[command(flatten)]
        catalog: CatalogArguments,
    },
}

impl KeyCommand {
    pub fn catalog(&self) -> &CatalogArguments {
        let Self::Rotate { catalog } = self;
        catalog
    }
}

/// `fleetgraph key …`
///
/// # Errors
/// When there is no catalog that is kept, no key, or a credential that none of the keys opens.
pub fn key(config: &Config, command: &KeyCommand) -> anyhow::Result<String> {
    let KeyCommand::Rotate { .. } = command;
    over(config, async |catalog| {
        if !catalog.can_seal() {
            bail!(
                "there is no key to seal with: name its file in `catalog.key_files`, or its variable in `catalog.key_variables`"
            );
        }
        let deed = Deed::new("rotateKeys", "credentials of connected clusters".to_owned());
        audited(&catalog, deed, rotate(&catalog)).await
    })
}

async fn rotate(catalog: &Catalog) -> anyhow::Result<String> {
    let rotation = catalog.rotate_keys().await.context("what is done so far stays done; run it again")?;
    let done = summary(&rotation);
    if rotation.failed.is_empty() {
        return Ok(done);
    }
    let mut text = format!("{done}The credentials of these clusters can't be opened; keep every key:\n");
    for (cluster, why) in &rotation.failed {
        writeln!(text, "  {cluster}: {why}")?;
    }
    bail!("{}", text.trim_end());
}

fn summary(rotation: &Rotation) -> String {
    let Rotation { rewrapped, current, failed } = rotation;
    format!(
        "{rewrapped} sealed anew with the first key, {current} were already, {} could not be opened\n",
        failed.len()
    )
}
