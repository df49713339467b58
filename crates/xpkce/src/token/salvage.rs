//! Finds tokens in an answer that was cut short or garbled on its way.

use serde_json::{Map, Value};

/// What is looked for.
const TOKENS: [&str; 2] = ["access_token", "refresh_token"];

/// Reads the tokens that came whole, those at the top level alone: one further in may be an older
/// one. Of two with the same name the later one counts. An answer that speaks of an error may repeat
/// what was sent, so it is left alone.
pub(super) fn salvaged(text: &str) -> Option<Map<String, Value>> {
    let text = text.trim_start().strip_prefix('{').filter(|text| !text.contains("\"error\""))?;
    let mut tokens = Map::new();
    let (mut rest, mut depth) = (text, 1_usize);
    while let Some(at) = rest.find(['"', '{', '[', '}', ']']) {
        let found = &rest[at..];
        rest = &found[1..];
        match found.as_bytes()[0] {
            b'"' => {
                let Some((name, after)) = split_text(found) else { break };
                rest = after;
                let value = after.trim_start().strip_prefix(':').map(str::trim_start);
                let Some(value) = value.filter(|value| depth == 1 && value.starts_with('"')) else {
                    continue;
                };
                let Some((value, after)) = split_text(value) else { break };
                rest = after;
                if let (Some(name), Some(value)) = (read(name), read(value))
                    && TOKENS.contains(&name.as_str())
                {
                    tokens.insert(name, Value::String(value));
                }
            }
            b'{' | b'[' => depth += 1,
            _ if depth > 1 => depth -= 1,
            _ => break,
        }
    }
    Some(tokens)
}

/// Splits after the text that begins here; none when it has no end.
fn split_text(json: &str) -> Option<(&str, &str)> {
    let mut is_escaped = false;
    let end = json.bytes().skip(1).position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    })?;
    Some(json.split_at(end + 2))
}

fn read(text: &str) -> Option<String> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::silence;

    /// The refresh token that is salvaged.
    fn refresh(text: &str) -> Option<String> {
        for token in ["fake-new", "fake-old"] {
            silence::learn(token);
        }
        match salvaged(text)?.remove("refresh_token")? {
            Value::String(token) => Some(token),
            _ => None,
        }
    }

    #[test]
    fn a_token_further_in_is_not_the_answers() {
        let cut =
            r#"{"old":{"refresh_token":"fake-old","x":[1]},"refresh_token":"fake-new","scope":"cu"#;
        assert_eq!(refresh(cut).unwrap(), "fake-new");
        assert_eq!(
            refresh(r#"{"refresh_token":"fake-new","old":{"refresh_token":"fake-old"},"x"#)
                .unwrap(),
            "fake-new"
        );
        assert_eq!(refresh(r#"{"old":{"refresh_token":"fake-old","x"#), None);
        assert_eq!(refresh(r#"{"life":NaN} {"refresh_token":"fake-old"}"#), None);
    }

    #[test]
    fn a_text_that_only_says_the_name_is_not_the_token() {
        let hinted = r#"{"hint":"refresh_token","at":"\"refresh_token\":\"","refresh_token" : "fake-new","x":NaN}"#;
        assert_eq!(refresh(hinted).unwrap(), "fake-new");
        assert_eq!(refresh(r#"{"hint":"refresh_token":"fake-new","x":NaN}"#), None);
    }

    #[test]
    fn what_is_garbled_around_a_token_does_not_hide_it() {
        for garbled in [
            r#"{"life":NaN,"refresh_token":"fake-new"}"#,
            "{\"name\":\"a\nb\\\"{\",\"refresh\\u005ftoken\":\"fake-new\"}",
            r#"{'name':{},"refresh_token":"fake-new","#,
        ] {
            assert_eq!(refresh(garbled).unwrap(), "fake-new", "{garbled}");
        }
    }

    #[test]
    fn of_two_tokens_with_one_name_the_later_counts() {
        assert_eq!(
            refresh(r#"{"refresh_token":"fake-old","refresh_token":"fake-new","x"#).unwrap(),
            "fake-new"
        );
    }

    #[test]
    fn half_a_token_is_none() {
        assert_eq!(refresh(r#"{"refresh_token":"cu"#), None);
        assert_eq!(refresh(r#"{"refresh_token":"cu\"#), None);
    }
}
