//! Where the figures come from.

use std::fmt;

use anyhow::Result;
use serde_json::{Value, json};

#[derive(Debug, Clone)]
pub struct Machine {
    cores: usize,
    processor: String,
    memory_mib: u64,
    kernel: String,
}

impl Machine {
    pub fn read() -> Result<Self> {
        let field = |text: &str, key: &str| {
            let line = text.lines().find(|line| line.starts_with(key))?;
            line.split_once(':').map(|(_, value)| value.trim().to_owned())
        };
        let unknown = || "unknown".to_owned();
        let (processors, memory) =
            (std::fs::read_to_string("/proc/cpuinfo")?, std::fs::read_to_string("/proc/meminfo")?);
        let kib = field(&memory, "MemTotal")
            .and_then(|value| value.trim_end_matches("kB").trim_end().parse::<u64>().ok());
        Ok(Self {
            cores: std::thread::available_parallelism()?.get(),
            processor: field(&processors, "model name").unwrap_or_else(unknown),
            memory_mib: kib.unwrap_or(0) / 1024,
            kernel: std::fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned(),
        })
    }

    pub fn json(&self) -> Value {
        json!({
            "cores": self.cores, "processor": self.processor, "memory_mib": self.memory_mib, "kernel": self.kernel,
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cores, processor, memory_mib, kernel } = self;
        write!(formatter, "{cores} cores ({processor}), {memory_mib} MiB, Linux {kernel}")
    }
}
