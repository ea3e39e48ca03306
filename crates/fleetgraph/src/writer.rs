//! The GraphQL crate's way to send callers' changes to the clusters.

use std::{fmt, sync::Arc};

use access::Access;
use fleetgraph_core::{Error, Identity, Write, Written};
use futures::future::BoxFuture;
use graphql::Writes;
use secrecy::SecretString;

pub struct Writer(pub Arc<Access>);

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writer")
    }
}

impl Writes for Writer {
    fn write<'a>(
        &'a self,
        write: &'a Write,
        by: &'a Identity,
        bearer: Option<&'a SecretString>,
    ) -> BoxFuture<'a, Result<Written, Error>> {
        Box::pin(self.0.write(write, by, bearer))
    }
}
