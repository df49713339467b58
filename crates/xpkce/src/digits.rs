//! Names of a fixed number of hexadecimal digits, kept where they are used: copying one allocates
//! nothing, and a record has many.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `N` hexadecimal digits in lower case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Digits<const N: usize>([u8; N]);

impl<const N: usize> Digits<N> {
    /// Writes the first `N / 2` bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut digits = [b'0'; N];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        Self(digits)
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("digits are ASCII")
    }
}

/// What is not `N` hexadecimal digits in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoDigits;

impl<const N: usize> FromStr for Digits<N> {
    type Err = NoDigits;

    fn from_str(text: &str) -> Result<Self, NoDigits> {
        let digits = <[u8; N]>::try_from(text.as_bytes()).map_err(|_| NoDigits)?;
        let are_digits = digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        if are_digits { Ok(Self(digits)) } else { Err(NoDigits) }
    }
}

impl<const N: usize> fmt::Display for Digits<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<const N: usize> fmt::Debug for Digits<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<const N: usize> Serialize for Digits<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de, const N: usize> Deserialize<'de> for Digits<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reading<const N: usize>;

        impl<const N: usize> Visitor<'_> for Reading<N> {
            type Value = Digits<N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{N} hexadecimal digits in lower case")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Digits<N>, E> {
                text.parse().map_err(|NoDigits| E::invalid_value(Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_str(Reading)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_byte_is_two_digits() {
        assert_eq!(Digits::<4>::of(&[0x0f, 0xa9]).as_str(), "0fa9");
        assert_eq!("0fa9".parse(), Ok(Digits::<4>::of(&[0x0f, 0xa9])));
    }

    #[test]
    fn a_name_is_shown_as_it_is() {
        let name = Digits::<4>::of(&[0x0f, 0xa9]);
        assert_eq!(format!("{name} {name:?}"), "0fa9 0fa9");
    }

    #[test]
    fn who_wrote_no_digits_is_told_how_many_there_must_be() {
        let why = serde_json::from_str::<Digits<4>>(r#""0fag""#).unwrap_err();
        assert!(why.to_string().contains("expected 4 hexadecimal digits"), "{why}");
    }

    #[test]
    fn what_is_longer_shorter_or_no_digits_is_no_name() {
        for text in ["", "0fa", "0fa90", "0FA9", "0fag", "0f a", "ä0f"] {
            assert_eq!(text.parse::<Digits<4>>(), Err(NoDigits), "{text}");
            let json = serde_json::to_string(text).unwrap();
            assert!(serde_json::from_str::<Digits<4>>(&json).is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_is_read_back_from_what_was_written() {
        let name = Digits::<4>::of(&[1, 0xfe]);
        assert_eq!(serde_json::to_string(&name).unwrap(), r#""01fe""#);
        assert_eq!(serde_json::from_str::<Digits<4>>(r#""01\u0066e""#).unwrap(), name);
    }
}
