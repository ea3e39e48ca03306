//! The process itself in numbers: memory, CPU time, descriptors, build.
//!
//! They are read when a reader asks, from `/proc` (Linux) and from the allocator; where `/proc` is missing, so are they.

use std::{fs, path::Path};

use opentelemetry::{KeyValue, metrics::Meter};
use tikv_jemalloc_ctl::{epoch, stats};

/// Clock ticks a second in `/proc`: Linux fixes USER_HZ at 100 on every architecture that we build for.
const TICKS: f64 = 100.0;

/// Registers the observations.
pub fn observe(meter: &Meter) {
    meter
        .u64_observable_gauge("process.resident_memory")
        .with_unit("By")
        .with_description("Resident memory of the process")
        .with_callback(|gauge| {
            if let Some(bytes) = resident_bytes(Path::new("/proc/self/status")) {
                gauge.observe(bytes, &[]);
            }
        })
        .build();
    meter
        .f64_observable_counter("process.cpu")
        .with_unit("s")
        .with_description("CPU time of the process, user and system")
        .with_callback(|counter| {
            if let Some(seconds) = cpu_seconds(Path::new("/proc/self/stat")) {
                counter.observe(seconds, &[]);
            }
        })
        .build();
    meter
        .u64_observable_gauge("process.open_fds")
        .with_description("Open file descriptors of the process")
        .with_callback(|gauge| {
            if let Ok(entries) = fs::read_dir("/proc/self/fd") {
                // Reading the folder opens a descriptor of its own.
                gauge.observe((entries.count() as u64).saturating_sub(1), &[]);
            }
        })
        .build();
    meter
        .u64_observable_gauge("fleetgraph.allocated_memory")
        .with_unit("By")
        .with_description("Memory that the program has allocated and not freed")
        .with_callback(|gauge| {
            // The allocator's statistics stand still between two epochs.
            if let Ok(bytes) = epoch::advance().and_then(|_| stats::allocated::read()) {
                gauge.observe(bytes as u64, &[]);
            }
        })
        .build();
    meter
        .u64_observable_gauge("fleetgraph.build_info")
        .with_description("Always 1; its labels say which build this is")
        .with_callback(|gauge| {
            gauge.observe(
                1,
                &[
                    KeyValue::new("version", env!("CARGO_PKG_VERSION")),
                    KeyValue::new("arch", std::env::consts::ARCH),
                    KeyValue::new("profile", if cfg!(debug_assertions) { "debug" } else { "release" }),
                ],
            );
        })
        .build();
}

fn resident_bytes(status: &Path) -> Option<u64> {
    let text = fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

fn cpu_seconds(stat: &Path) -> Option<f64> {
    let text = fs::read_to_string(stat).ok()?;
    // The second field is the program's name in brackets, which may hold blanks; `utime` and `stime` are the 14th and 15th.
    let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_has_used_the_cpu() {
        let resident = resident_bytes(Path::new("/proc/self/status")).unwrap();
        assert!((1 << 20..1 << 40).contains(&resident), "{resident}");
        let before = cpu_seconds(Path::new("/proc/self/stat")).unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while cpu_seconds(Path::new("/proc/self/stat")).unwrap() <= before {
            assert!(std::time::Instant::now() < deadline, "busy work used no CPU time");
            std::hint::black_box((0..100_000).sum::<u64>());
        }
    }

    #[test]
    fn a_name_with_blanks_and_brackets_does_not_shift_the_fields() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("stat");
        fs::write(&file, "42 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 250 150 0 0 20").unwrap();
        assert_eq!(cpu_seconds(&file), Some(4.0));
    }

    /// Without them, memory that a relist freed would stay with the process.
    #[test]
    fn the_allocators_settings_are_built_in() {
        use tikv_jemalloc_ctl::{Access, AsName};
        let dirty: isize = b"opt.dirty_decay_ms\0".name().read().unwrap();
        let muzzy: isize = b"opt.muzzy_decay_ms\0".name().read().unwrap();
        let threads: bool = b"opt.background_thread\0".name().read().unwrap();
        assert_eq!((dirty, muzzy, threads), (1000, 1000, true));
    }
}
