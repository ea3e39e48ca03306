//! Loopback ports that stay ours.
//!
//! Asking the kernel for a free port and closing it again is a race twice over: another test may be given the same
//! port, and any outgoing connection may take it while an API server is down that has to come back on it. So ports
//! come from below the kernel's ephemeral range (32768 on Linux), and a lock file for each one, held as long as the
//! port is wanted, keeps other test processes away. What no lock can exclude (a program that isn't ours binds the
//! port before the component does) is retried by [`crate::ControlPlane::start`].

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result, bail};
use rand::RngExt;

use crate::workdir;

const RANGE: std::ops::Range<u16> = 20_000..32_000;
const ATTEMPTS: usize = 500;

/// A port on 127.0.0.1 that no other user of testkit is given while this value lives.
#[derive(Debug)]
pub(crate) struct Port {
    number: u16,
    _lock: File,
}

impl Port {
    pub(crate) fn reserve() -> Result<Self> {
        let locks = workdir::root().join("ports");
        fs::create_dir_all(&locks).with_context(|| format!("creating {}", locks.display()))?;
        for _ in 0..ATTEMPTS {
            let number = rand::rng().random_range(RANGE);
            let lock = File::create(locks.join(number.to_string()))?;
            if lock.try_lock().is_ok() && TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok() {
                return Ok(Self { number, _lock: lock });
            }
        }
        bail!("no free port in {RANGE:?} on 127.0.0.1 after {ATTEMPTS} attempts")
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }
}
