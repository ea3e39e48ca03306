//! Sealing: secrets at rest that only a holder of the key can read, each in its own place only.
//!
//! ```text
//!   key-encryption key ──wraps──▶ data key (random, one for each value) ──AES-256-GCM──▶ value
//!   (file or environment)         stands beside the value                                + its place: table, row, tenant
//! ```
//!
//! The place is associated data, so a sealed value that is copied into another row, or a row that is moved to another
//! tenant, doesn't open. Several keys may be configured: the first seals, all open. To rotate, put a new key first,
//! restart, let [`Catalog::rotate_keys`](crate::Catalog::rotate_keys) wrap the data keys anew, and remove the old one; the
//! values themselves stay as they are.

mod error;
mod format;
mod keys;
mod local;
mod sealer;

pub use self::error::SealError;
pub use self::format::Place;
pub use self::keys::KeySource;
pub use self::sealer::{Sealed, Sealer};
