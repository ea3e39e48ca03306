//! What is wrong with a configuration, and where: the values that `fleetgraph config --check` and a failed start print.

use std::fmt;

/// A place in a file, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    pub line: u64,
    pub column: u64,
}

impl Mark {
    /// The place of what stands in no file.
    pub const NOWHERE: Self = Self { line: 0, column: 0 };
}

/// One fault of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where the text came from: a path, or the name of a flag or variable.
    pub source: String,
    pub at: Option<Mark>,
    /// The key's path, such as `clusters[1].qps`; empty for the whole file.
    pub path: String,
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)?;
        if let Some(Mark { line, column }) = self.at {
            write!(f, ":{line}:{column}")?;
        }
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// All faults that were found, in the order of the file; never empty when it is an error.
#[derive(Debug, Clone, Default, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// A fault that has no place in a file.
    pub fn single(source: impl Into<String>, message: impl Into<String>) -> Self {
        Self(vec![Problem { source: source.into(), at: None, path: String::new(), message: message.into() }])
    }

    /// `Ok` when nothing was found; otherwise the faults, sorted by their place.
    ///
    /// # Errors
    /// The faults.
    pub fn into_result<T>(mut self, value: T) -> Result<T, Self> {
        if self.0.is_empty() {
            return Ok(value);
        }
        self.0.sort_by(|a, b| (&a.source, a.at).cmp(&(&b.source, b.at)));
        Err(self)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}
