//! Text for people: times, spans, and what came from elsewhere made harmless.

use std::time::Duration;

use jiff::tz::TimeZone;
use xpkce::Timestamp;

/// Drops control characters, so that nothing from a server can steer the terminal or turn the text
/// around it.
pub(crate) fn clean(text: &str) -> String {
    text.chars().filter(|c| !steers(*c)).collect()
}

/// Does the same, but for line breaks and tabs.
pub(crate) fn clean_lines(text: &str) -> String {
    text.chars().filter(|c| !steers(*c) || matches!(c, '\n' | '\t')).collect()
}

/// Writes what [`clean`] drops by its number. It stands in the texts of JSON alone, and whoever reads
/// JSON reads the same.
pub(crate) fn escaped(json: String) -> String {
    if !json.contains(steers) {
        return json;
    }
    let mut escaped = String::with_capacity(json.len() + 64);
    for c in json.chars() {
        match steers(c) {
            true => escaped.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => escaped.push(c),
        }
    }
    escaped
}

/// Returns whether it is a control, or a mark that sets the direction of text (UAX #9).
fn steers(c: char) -> bool {
    let is_mark = matches!(c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || is_mark
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
    fn what_steers_the_terminal_or_turns_the_text_is_dropped() {
        assert_eq!(clean("a\u{1b}[2J\u{202e}b\u{2066}c\n"), "a[2Jbc");
        assert_eq!(clean_lines("a\u{202e}\n\tb\u{7}"), "a\n\tb");
        assert_eq!(clean("\u{5d0}\u{1f469}\u{200d}\u{1f680}"), "\u{5d0}\u{1f469}\u{200d}\u{1f680}");
    }

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
