//! Points in time as Kubernetes writes them: RFC 3339 in UTC, whole seconds (`Time`) or microseconds
//! (`MicroTime`). Kept as one integer of microseconds.

use std::fmt;

/// Microseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    #[must_use]
    pub fn now() -> Self {
        Self(jiff::Timestamp::now().as_microsecond())
    }

    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Time since `self`, zero if `self` lies in the future (clocks of clusters differ).
    #[must_use]
    pub fn elapsed(self) -> std::time::Duration {
        self.until(Self::now())
    }

    /// Time from `self` to `later`, zero if that is negative.
    #[must_use]
    pub fn until(self, later: Self) -> std::time::Duration {
        std::time::Duration::from_micros(u64::try_from(later.0.saturating_sub(self.0)).unwrap_or(0))
    }

    /// The same moment, for those who count from it; nothing if it lies before 1970.
    #[must_use]
    pub fn system_time(self) -> Option<std::time::SystemTime> {
        let since = std::time::Duration::from_micros(u64::try_from(self.0).ok()?);
        std::time::UNIX_EPOCH.checked_add(since)
    }

    /// Nothing if it lies before 1970, or too far ahead.
    #[must_use]
    pub fn from_system_time(time: std::time::SystemTime) -> Option<Self> {
        let since = time.duration_since(std::time::UNIX_EPOCH).ok()?;
        i64::try_from(since.as_micros()).ok().map(Self)
    }

    #[must_use]
    pub fn plus(self, duration: std::time::Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    #[must_use]
    pub fn minus(self, duration: std::time::Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl std::str::FromStr for Timestamp {
    type Err = jiff::Error;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        s.parse::<jiff::Timestamp>().map(|t| Self(t.as_microsecond()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(t) => write!(f, "{t}"),
            // Beyond the years -9999 to 9999, which no server writes.
            Err(_) => f.write_str("9999-12-31T23:59:59Z"),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(|e| serde::de::Error::custom(format!("time {text:?}: {e}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_reads_back_as_the_api_server_wrote_it() {
        for text in ["2026-11-21T04:08:52Z", "2026-11-21T04:08:52.123456Z", "1969-12-31T23:59:59Z"] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_elapsed_time_is_never_negative() {
        let later = Timestamp::from_micros(Timestamp::now().micros() + 60_000_000);
        assert_eq!(later.elapsed(), std::time::Duration::ZERO);
    }
}
