//! Reads the `Date` header, in the one format that servers still send.

use crate::Timestamp;

const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";

/// Reads `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7).
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let (_, rest) = text.trim().split_once(", ")?;
    let mut parts = rest.split(' ');
    let day = number(parts.next()?, 1, 31)?;
    let name = parts.next().filter(|name| name.len() == 3)?;
    let month = i64::try_from(MONTHS.find(name)?).ok()? / 3 + 1;
    let year = number(parts.next()?, 1970, 9999)?;
    let mut clock = parts.next()?.split(':');
    let hour = number(clock.next()?, 0, 23)?;
    let minute = number(clock.next()?, 0, 59)?;
    let second = number(clock.next()?, 0, 60)?;
    let days = days_since_1970(year, month, day);
    Some(Timestamp::from_secs(((days * 24 + hour) * 60 + minute) * 60 + second))
}

fn number(text: &str, least: i64, most: i64) -> Option<i64> {
    text.parse().ok().filter(|number| (least..=most).contains(number))
}

/// Counts days in the Gregorian calendar, with years that begin in March.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rfcs_example_is_read() {
        let date = parse("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(date, Timestamp::from_secs(784_111_777));
        assert_eq!(parse("Thu, 29 Feb 2024 00:00:00 GMT").unwrap().as_secs(), 1_709_164_800);
    }

    #[test]
    fn anything_else_is_no_date() {
        for text in ["", "now", "Sun, 06 Xxx 1994 08:49:37 GMT", "Sun, 99 Nov 1994 08:49:37 GMT"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
