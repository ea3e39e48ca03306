//! Processor time of a process: what a start costs, however busy the machine is with other things.

use std::time::Duration;

use anyhow::{Context, Result};

/// User and system time of all its threads so far, to a hundredth of a second.
pub fn used(pid: u32) -> Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    parse(&std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))?)
}

/// proc(5): utime and stime are the 14th and 15th fields, in clock ticks, of which Linux shows a hundred a second. The
/// program's name may hold spaces, but stands in parentheses.
fn parse(stat: &str) -> Result<Duration> {
    let (_, fields) = stat.rsplit_once(')').context("a program's name")?;
    let times: Vec<u64> =
        fields.split_whitespace().skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok(Duration::from_millis(10 * times.iter().sum::<u64>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_system_time_are_added() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194304 1500 0 3 0 250 31 9 9 20 0 8 0 12345 0 0";
        assert_eq!(parse(stat).unwrap(), Duration::from_millis(2810));
        assert!(parse("7 name S").is_err());
    }
}
