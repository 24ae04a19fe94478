//! DynamoDB's numbers: exact decimals of up to 38 significant digits.
//!
//! Kept as sign, digits and exponent in one canonical form, so that `1`, `1.0` and `1E0` are one
//! key and one element of a set, as they are in DynamoDB. Floating point would merge epochs and
//! counters that differ only far to the right.
//!
//! Limits are those of the page "Supported data types and naming rules in Amazon DynamoDB".

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// Most significant digits of a number.
const DIGITS_MAX: u32 = 38;
/// Largest decimal exponent of a number's first digit: 9.99…E+125.
const MAGNITUDE_MAX: i64 = 125;
/// Smallest decimal exponent of a number's first digit: 1E-130.
const MAGNITUDE_MIN: i64 = -130;

/// A number that DynamoDB can store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Number {
    negative: bool,
    /// Without trailing zeros; zero only for the number zero, whose other fields are then zero too.
    digits: u128,
    exponent: i16,
}

/// Why a text or a result is not a number, in DynamoDB's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNumber {
    /// Not a decimal at all.
    #[error("The parameter cannot be converted to a numeric value: {0}")]
    NotNumeric(String),
    /// It would have to be rounded.
    #[error("Attempting to store more than 38 significant digits in a Number")]
    TooPrecise,
    /// Too far from zero.
    #[error(
        "Number overflow. Attempting to store a number with magnitude larger than supported range"
    )]
    Overflow,
    /// Too near to zero.
    #[error(
        "Number underflow. Attempting to store a number with magnitude smaller than supported range"
    )]
    Underflow,
}

impl Number {
    const ZERO: Self = Self { negative: false, digits: 0, exponent: 0 };

    /// Brings `± digits × 10^exponent` into canonical form.
    fn new(negative: bool, mut digits: u128, mut exponent: i64) -> Result<Self, InvalidNumber> {
        if digits == 0 {
            return Ok(Self::ZERO);
        }
        while digits.is_multiple_of(10) {
            digits /= 10;
            exponent += 1;
        }
        let count = digits.ilog10() + 1;
        if count > DIGITS_MAX {
            return Err(InvalidNumber::TooPrecise);
        }
        let magnitude = exponent + i64::from(count) - 1;
        if magnitude > MAGNITUDE_MAX {
            return Err(InvalidNumber::Overflow);
        }
        if magnitude < MAGNITUDE_MIN {
            return Err(InvalidNumber::Underflow);
        }
        let exponent = i16::try_from(exponent).expect("the magnitude was checked");
        Ok(Self { negative, digits, exponent })
    }

    /// The sum of two numbers.
    ///
    /// # Errors
    /// When the exact sum can't be stored.
    pub fn plus(self, other: Self) -> Result<Self, InvalidNumber> {
        if self.digits == 0 {
            return Ok(other);
        }
        if other.digits == 0 {
            return Ok(self);
        }
        let exponent = self.exponent.min(other.exponent);
        let sum = self
            .scaled(exponent)
            .zip(other.scaled(exponent))
            .and_then(|(a, b)| a.checked_add(b))
            .ok_or(InvalidNumber::TooPrecise)?;
        Self::new(sum < 0, sum.unsigned_abs(), i64::from(exponent))
    }

    /// The difference of two numbers.
    ///
    /// # Errors
    /// When the exact difference can't be stored.
    pub fn minus(self, other: Self) -> Result<Self, InvalidNumber> {
        self.plus(if other.digits == 0 {
            other
        } else {
            Self { negative: !other.negative, ..other }
        })
    }

    /// The digits as they stand before a lower exponent; none if they don't fit.
    fn scaled(self, exponent: i16) -> Option<i128> {
        let shift = u32::try_from(self.exponent - exponent).ok()?;
        let digits = self.digits.checked_mul(10_u128.checked_pow(shift)?)?;
        let digits = i128::try_from(digits).ok()?;
        Some(if self.negative { -digits } else { digits })
    }

    /// The number, if it is a whole one from 0 on that fits.
    #[must_use]
    pub fn as_u64(self) -> Option<u64> {
        u64::try_from(self.scaled(0)?).ok()
    }

    /// Significant digits; one for zero.
    fn digit_count(self) -> u32 {
        self.digits.checked_ilog10().map_or(1, |log| log + 1)
    }

    /// What it weighs in an item: about a byte for each two digits, and one more ("DynamoDB item
    /// sizes and formats").
    #[must_use]
    pub fn size_bytes(self) -> usize {
        let digits = self.digit_count().div_ceil(2) + 1 + u32::from(self.negative);
        usize::try_from(digits).expect("at most 21")
    }

    /// The distance from zero, as a pair that orders as it does.
    fn distance(self) -> (i64, u128) {
        let count = self.digit_count();
        let magnitude = i64::from(self.exponent) + i64::from(count);
        (magnitude, self.digits * 10_u128.pow(DIGITS_MAX - count))
    }

    fn sign(self) -> i8 {
        match (self.digits, self.negative) {
            (0, _) => 0,
            (_, true) => -1,
            (_, false) => 1,
        }
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        self.sign().cmp(&other.sign()).then_with(|| match self.sign() {
            0 => Ordering::Equal,
            1 => self.distance().cmp(&other.distance()),
            _ => other.distance().cmp(&self.distance()),
        })
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        Self::new(false, u128::from(value), 0).expect("20 digits fit")
    }
}

impl FromStr for Number {
    type Err = InvalidNumber;

    fn from_str(text: &str) -> Result<Self, InvalidNumber> {
        let not_numeric = || InvalidNumber::NotNumeric(text.to_owned());
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => {
                (mantissa, exponent.parse::<i32>().map_err(|_| not_numeric())?)
            }
            None => (text, 0),
        };
        let (negative, mantissa) = match mantissa.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(not_numeric());
        }
        let significant = digits.trim_start_matches('0');
        let trimmed = significant.trim_end_matches('0');
        if trimmed.is_empty() {
            return Ok(Self::ZERO);
        }
        let value = match trimmed.len() {
            0..=38 => trimmed.parse::<u128>().map_err(|_| not_numeric())?,
            _ => return Err(InvalidNumber::TooPrecise),
        };
        let places = |text: &str| i64::try_from(text.len()).map_err(|_| InvalidNumber::Overflow);
        let exponent =
            i64::from(exponent) - places(fraction)? + (places(significant)? - places(trimmed)?);
        Self::new(negative, value, exponent)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.negative {
            f.write_str("-")?;
        }
        let digits = self.digits.to_string();
        let places = usize::from(self.exponent.unsigned_abs());
        if self.exponent >= 0 {
            write!(f, "{digits}{:0<places$}", "")
        } else if places < digits.len() {
            let (whole, fraction) = digits.split_at(digits.len() - places);
            write!(f, "{whole}.{fraction}")
        } else {
            write!(f, "0.{digits:0>places$}")
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Number {
        text.parse().expect("a number")
    }

    #[test]
    fn spellings_of_one_number_are_one_number() {
        for text in ["1", "1.0", "+1", "001", "1E0", "10e-1", "0.1E1", "1."] {
            assert_eq!(number(text), number("1"), "{text}");
        }
        assert_eq!(number("-0.00"), number("0"));
    }

    #[test]
    fn whole_numbers_that_fit_are_read_as_such_and_no_others() {
        for whole in [0, 7, 1_000, u64::MAX] {
            assert_eq!(Number::from(whole).as_u64(), Some(whole));
        }
        for text in ["-1", "1.5", "1E-2", "18446744073709551616", "1E125"] {
            assert_eq!(number(text).as_u64(), None, "{text}");
        }
    }

    #[test]
    fn what_dynamodb_can_not_store_is_refused() {
        for text in ["", "-", ".", "1x", "1 ", "0x1", "NaN", "1e", "--1"] {
            assert!(matches!(text.parse::<Number>(), Err(InvalidNumber::NotNumeric(_))), "{text}");
        }
        let digits = "1".repeat(39);
        assert_eq!(digits.parse::<Number>(), Err(InvalidNumber::TooPrecise));
        assert_eq!("1E126".parse::<Number>(), Err(InvalidNumber::Overflow));
        assert_eq!("1E-131".parse::<Number>(), Err(InvalidNumber::Underflow));
        assert!("9.9E125".parse::<Number>().is_ok());
        assert!("1E-130".parse::<Number>().is_ok());
    }

    #[test]
    fn text_is_plain_decimal() {
        for (given, shown) in
            [("1E3", "1000"), ("-12.50", "-12.5"), ("5e-3", "0.005"), ("0", "0"), ("-1E-1", "-0.1")]
        {
            assert_eq!(number(given).to_string(), shown);
        }
    }

    #[test]
    fn a_sum_that_would_be_rounded_is_refused() {
        assert_eq!(number("1E100").plus(number("1")), Err(InvalidNumber::TooPrecise));
        assert_eq!(number("9E125").plus(number("9E125")), Err(InvalidNumber::Overflow));
        assert_eq!(number("0.1").plus(number("0.2")), Ok(number("0.3")));
    }

    proptest! {
        #[test]
        fn whole_numbers_behave_as_whole_numbers(a in -1_000_000_i64..1_000_000, b in -1_000_000_i64..1_000_000) {
            let (x, y) = (number(&a.to_string()), number(&b.to_string()));
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
            prop_assert_eq!(x.plus(y), Ok(number(&(a + b).to_string())));
            prop_assert_eq!(x.minus(y), Ok(number(&(a - b).to_string())));
            prop_assert_eq!(x.to_string(), a.to_string());
        }

        #[test]
        fn a_number_survives_its_text(digits in 0_u64.., exponent in -100_i32..100, negative: bool) {
            let sign = if negative { "-" } else { "" };
            let first = number(&format!("{sign}{digits}E{exponent}"));
            prop_assert_eq!(number(&first.to_string()), first);
        }
    }
}
