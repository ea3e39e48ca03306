//! Resource quantities (`100m`, `1.5Gi`, `2e3`), exact, as `k8s.io/apimachinery/pkg/api/resource` defines them.
//!
//! A value is kept in nano units as one `i128`; the smallest unit that the API knows is `n`, and finer values
//! are rounded up, away from zero, as the API server does.

use std::fmt;

use crate::Error;

const NANO: i128 = 1_000_000_000;

/// How a quantity is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `Ki`, `Mi`, …
    BinarySi,
    /// `n`, `u`, `m`, ``, `k`, `M`, …
    DecimalSi,
    /// `e3`, `E6`, …
    DecimalExponent,
}

/// An amount of a resource.
#[derive(Debug, Clone, Copy)]
pub struct Quantity {
    nanos: i128,
    format: Format,
}

impl Quantity {
    pub const ZERO: Self = Self { nanos: 0, format: Format::DecimalSi };

    /// Parses a quantity.
    ///
    /// # Errors
    /// When the text isn't a quantity.
    pub fn parse(text: &str) -> Result<Self, Error> {
        parse(text).ok_or_else(|| {
            Error::bad_input(format!("{text:?} isn't a quantity; write it as 250m, 1.5, 2Gi or 1e3"))
        })
    }

    /// The amount in whole units, rounded up: bytes for memory, cores for cpu.
    #[must_use]
    pub fn value(self) -> i128 {
        div_up(self.nanos, NANO)
    }

    /// The amount in thousandths, rounded up: millicores for cpu.
    #[must_use]
    pub fn milli_value(self) -> i128 {
        div_up(self.nanos, NANO / 1000)
    }

    #[must_use]
    pub fn as_f64(self) -> f64 {
        self.nanos as f64 / NANO as f64
    }

    #[must_use]
    pub fn is_zero(self) -> bool {
        self.nanos == 0
    }
}

impl std::ops::Add for Quantity {
    type Output = Self;
    /// The sum, written as the first operand that isn't zero is.
    fn add(self, other: Self) -> Self {
        let format = if self.is_zero() { other.format } else { self.format };
        Self { nanos: self.nanos.saturating_add(other.nanos), format }
    }
}

impl std::iter::Sum for Quantity {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, |a, b| a + b)
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

fn div_up(a: i128, b: i128) -> i128 {
    a / b + i128::from(a % b > 0) - i128::from(a % b < 0)
}

fn parse(text: &str) -> Option<Quantity> {
    let (negative, rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let (number, suffix) = rest.split_at(digits);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let (scale, format) = suffix_scale(suffix)?;
    let fraction = fraction.trim_end_matches('0');
    let nanos = scaled(whole, fraction, scale)?;
    Some(Quantity { nanos: if negative { -nanos } else { nanos }, format })
}

enum Scale {
    Pow10(i32),
    Pow2(u32),
}

fn suffix_scale(suffix: &str) -> Option<(Scale, Format)> {
    let decimal = |power| Some((Scale::Pow10(power), Format::DecimalSi));
    let binary = |power| Some((Scale::Pow2(power), Format::BinarySi));
    match suffix {
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "" => decimal(0),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(10),
        "Mi" => binary(20),
        "Gi" => binary(30),
        "Ti" => binary(40),
        "Pi" => binary(50),
        "Ei" => binary(60),
        _ => {
            let power = suffix.strip_prefix(['e', 'E'])?;
            let power: i32 = power.parse().ok()?;
            (-18..=18).contains(&power).then_some((Scale::Pow10(power), Format::DecimalExponent))
        }
    }
}

/// `whole.fraction × scale` in nanos, rounded up; `None` on overflow.
fn scaled(whole: &str, fraction: &str, scale: Scale) -> Option<i128> {
    let whole = whole.trim_start_matches('0');
    if whole.len() + fraction.len() > 36 {
        // Finer than a nano whatever the suffix: cut, and let the remainder round up.
        if whole.len() > 19 {
            return None;
        }
        let kept = &fraction[..36 - whole.len()];
        return scaled(whole, kept.trim_end_matches('0'), scale).map(|n| n + 1);
    }
    let digits: i128 = format!("0{whole}{fraction}").parse().ok()?;
    let fraction = i32::try_from(fraction.len()).ok()?;
    let (digits, power) = match scale {
        Scale::Pow10(power) => (digits, power),
        Scale::Pow2(power) => (digits.checked_mul(1_i128.checked_shl(power)?)?, 0),
    };
    let power = power + 9 - fraction;
    if power >= 0 {
        digits.checked_mul(10_i128.checked_pow(power.unsigned_abs())?)
    } else {
        Some(div_up(digits, 10_i128.checked_pow(power.unsigned_abs())?))
    }
}

impl fmt::Display for Quantity {
    /// The canonical form: the largest suffix that leaves no fraction.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.format == Format::BinarySi && self.nanos % NANO == 0 && self.nanos.abs() >= 1024 * NANO {
            let mut value = self.nanos / NANO;
            let mut suffix = "";
            for next in ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"] {
                if value % 1024 != 0 {
                    break;
                }
                (value, suffix) = (value / 1024, next);
            }
            return write!(f, "{value}{suffix}");
        }
        if self.nanos == 0 {
            return f.write_str("0");
        }
        let mut value = self.nanos;
        let mut power = -9;
        while power < 18 && value % 1000 == 0 {
            value /= 1000;
            power += 3;
        }
        if self.format == Format::DecimalExponent && power != 0 {
            return write!(f, "{value}e{power}");
        }
        let suffix = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
        write!(f, "{value}{}", suffix.get(((power + 9) / 3) as usize).unwrap_or(&""))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quantities_are_written_in_canonical_form() {
        for (text, canonical) in [
            ("100m", "100m"),
            ("0.1", "100m"),
            ("1000m", "1"),
            ("1.5Gi", "1536Mi"),
            ("1024Mi", "1Gi"),
            ("2e3", "2e3"),
            ("1500", "1500"),
            ("1000", "1k"),
            ("0", "0"),
            ("-5", "-5"),
            ("64", "64"),
            ("8010124Ki", "8010124Ki"),
        ] {
            assert_eq!(Quantity::parse(text).unwrap().to_string(), canonical, "{text}");
        }
    }

    #[test]
    fn values_round_up() {
        assert_eq!(Quantity::parse("100m").unwrap().value(), 1);
        assert_eq!(Quantity::parse("1n").unwrap().milli_value(), 1);
        assert_eq!(Quantity::parse("1.5Gi").unwrap().value(), 1_610_612_736);
    }

    #[test]
    fn what_is_not_a_quantity_is_refused() {
        for text in ["", "m", "1.2.3", "1 Gi", "Gi", "1gi", "0x10", "1e", "--1", "1e99", "٣"] {
            assert!(Quantity::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[-+]?[0-9.]{0,50}[a-zA-Z0-9]{0,4}") {
            let _ = Quantity::parse(&text);
        }

        #[test]
        fn the_canonical_form_reads_back_as_the_same_amount(
            number in 0_u64..1_000_000_000, suffix in "(n|u|m||k|M|G|Ki|Mi|Gi|Ti)",
        ) {
            let quantity = Quantity::parse(&format!("{number}{suffix}")).unwrap();
            prop_assert_eq!(Quantity::parse(&quantity.to_string()).unwrap(), quantity);
        }

        #[test]
        fn sums_are_exact(a in 0_i64..1_000_000, b in 0_i64..1_000_000) {
            let sum = Quantity::parse(&format!("{a}m")).unwrap() + Quantity::parse(&format!("{b}m")).unwrap();
            prop_assert_eq!(sum.milli_value(), i128::from(a + b));
        }
    }
}
