//! Text for people: times, spans, and what came from elsewhere made harmless.

use std::time::Duration;

use jiff::tz::TimeZone;
use xpkce::Timestamp;

/// Drops control characters, so that nothing from a server can steer the terminal.
pub(crate) fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// Drops control characters but line breaks and tabs.
pub(crate) fn clean_lines(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

/// Says how long, in its two largest units.
pub(crate) fn span(length: Duration) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let secs = length.as_millis().div_ceil(1000);
    let mut left = u64::try_from(secs).unwrap_or(u64::MAX);
    let mut told = Vec::new();
    for (size, name) in UNITS {
        if left >= size && told.len() < 2 {
            told.push(format!("{} {name}", left / size));
        }
        left %= size;
    }
    if told.is_empty() { "0 s".to_owned() } else { told.join(" ") }
}

/// Says how many.
pub(crate) fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Says when, by the clock on the user's wall.
pub(crate) fn moment(at: Timestamp) -> String {
    let Ok(at) = jiff::Timestamp::from_millisecond(at.as_millis()) else {
        return "never".to_owned();
    };
    at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Says when something ends, seen from `now`.
pub(crate) fn until(end: Timestamp, now: Timestamp) -> String {
    if end > now {
        format!("{} (in {})", moment(end), span(end.since(now)))
    } else {
        format!("{} ({} ago)", moment(end), span(now.since(end)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_told_in_its_two_largest_units() {
        for (secs, told) in
            [(0, "0 s"), (59, "59 s"), (60, "1 min"), (7199, "1 h 59 min"), (90_061, "1 d 1 h")]
        {
            assert_eq!(span(Duration::from_secs(secs)), told);
        }
        assert_eq!(span(Duration::from_millis(7_199_500)), "2 h");
    }

    #[test]
    fn escape_sequences_lose_their_escape() {
        assert_eq!(clean("\u{1b}]0;title\u{7}\u{9b}2J"), "]0;title2J");
        assert_eq!(clean_lines("a\r\n\tb\u{1b}c"), "a\n\tbc");
    }
}
