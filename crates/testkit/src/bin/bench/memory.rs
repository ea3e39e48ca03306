//! Resident memory of a process, as the kernel counts it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// Resident memory counts as settled when it has stayed within one percent for so long.
const STEADY: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);

/// In bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resident {
    pub all: u64,
    /// Without the pages of the program file.
    pub anonymous: u64,
    /// The most that `all` ever was.
    pub peak: u64,
}

impl Resident {
    pub fn json(&self) -> Value {
        json!({ "resident": self.all, "anonymous": self.anonymous, "peak": self.peak })
    }
}

/// Waits until a process's memory is steady, a minute at most; then it is taken as it is.
pub async fn settled(pid: u32) -> Result<Resident> {
    let deadline = Instant::now() + PATIENCE;
    let mut base = read(pid)?;
    let mut since = Instant::now();
    loop {
        tokio::time::sleep(POLL).await;
        let now = read(pid)?;
        if now.all.abs_diff(base.all) * 100 > base.all {
            (base, since) = (now, Instant::now());
        }
        if since.elapsed() >= STEADY || Instant::now() >= deadline {
            return Ok(now);
        }
    }
}

/// Lets the most that ever was be counted from now on.
pub fn forget_peak(pid: u32) -> Result<()> {
    let path = format!("/proc/{pid}/clear_refs");
    std::fs::write(&path, "5").with_context(|| format!("writing {path}"))
}

pub fn read(pid: u32) -> Result<Resident> {
    let path = format!("/proc/{pid}/status");
    parse(&std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))?)
}

fn parse(status: &str) -> Result<Resident> {
    let bytes = |key: &str| -> Result<u64> {
        let line =
            status.lines().find_map(|line| line.strip_prefix(key)).with_context(|| format!("no {key}"))?;
        let kib: u64 =
            line.trim().trim_end_matches("kB").trim_end().parse().with_context(|| format!("{key}{line}"))?;
        Ok(kib * 1024)
    };
    Ok(Resident { all: bytes("VmRSS:")?, anonymous: bytes("RssAnon:")?, peak: bytes("VmHWM:")? })
}

/// What the pods take: the server with them against the server of the empty cluster, before and after it answered.
#[derive(Debug, Clone)]
pub struct Growth {
    pub empty: [Resident; 2],
    pub full: [Resident; 2],
}

impl Growth {
    pub const MOMENTS: [&str; 2] = ["started and settled", "after all questions, settled"];

    pub fn new(empty: &[Resident], synced: Resident, served: Resident) -> Result<Self> {
        let empty = empty.try_into().context("the empty server is measured twice")?;
        Ok(Self { empty, full: [synced, served] })
    }

    /// Bytes beyond the empty server at each moment; 0 if it is less.
    pub fn beyond(&self) -> [u64; 2] {
        [0, 1].map(|moment| self.full[moment].all.saturating_sub(self.empty[moment].all))
    }

    pub fn json(&self) -> Value {
        let moment = |index: usize| {
            json!({
                "moment": Self::MOMENTS[index],
                "empty": self.empty[index].json(),
                "full": self.full[index].json(),
                "beyond_empty": self.beyond()[index],
            })
        };
        json!({ "unit": "bytes", "moments": [moment(0), moment(1)] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_status_is_read_in_bytes() {
        let status =
            "Name:\tx\nVmHWM:\t    3000 kB\nVmRSS:\t    2000 kB\nRssAnon:\t     1500 kB\nRssFile:\t 500 kB\n";
        assert_eq!(
            parse(status).unwrap(),
            Resident { all: 2_048_000, anonymous: 1_536_000, peak: 3_072_000 }
        );
        assert!(parse("VmRSS:\tmuch\n").is_err());
    }
}
