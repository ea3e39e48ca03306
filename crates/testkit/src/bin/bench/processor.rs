//! Processor time of a process: what a start costs, however busy the machine is with other things.

use std::time::Duration;

use anyhow::{Context, Result};

/// User and system time of all its threads so far, to a hundredth of a second.
pub fn used(pid: u32) -> Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    parse(&std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))?)
}

/// How long a process must have used nothing to be at rest, and how often that is looked for at most.
const REST: Duration = Duration::from_millis(1);
const LOOKS: u32 = 100;

/// The same to a nanosecond, of the threads that there are, once they have come to rest: what a process tidies up after an
/// answer belongs to that answer.
pub async fn at_rest(pid: u32) -> Result<Duration> {
    let mut before = of_threads(pid)?;
    for _ in 0..LOOKS {
        tokio::time::sleep(REST).await;
        let now = of_threads(pid)?;
        if now.saturating_sub(before) < REST / 20 {
            return Ok(now);
        }
        before = now;
    }
    Ok(before)
}

fn of_threads(pid: u32) -> Result<Duration> {
    let path = format!("/proc/{pid}/task");
    let mut sum = Duration::ZERO;
    for thread in std::fs::read_dir(&path).with_context(|| format!("reading {path}"))? {
        // A thread may end meanwhile.
        if let Ok(text) = std::fs::read_to_string(thread?.path().join("schedstat")) {
            sum += scheduled(&text)?;
        }
    }
    anyhow::ensure!(!sum.is_zero(), "this kernel doesn't tell what {path}/*/schedstat should");
    Ok(sum)
}

/// The kernel's sched-stats: the first of three numbers is the time on a processor, in nanoseconds.
fn scheduled(schedstat: &str) -> Result<Duration> {
    let first = schedstat.split_whitespace().next().context("a time")?;
    Ok(Duration::from_nanos(first.parse()?))
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

    #[test]
    fn the_time_on_a_processor_stands_before_the_time_of_waiting_for_one() {
        assert_eq!(scheduled("272163 1568157 3\n").unwrap(), Duration::from_nanos(272_163));
        assert!(scheduled("").is_err());
    }
}
