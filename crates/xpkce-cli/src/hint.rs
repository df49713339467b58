//! The one thing to do about a failure: words, or a command that works as it is pasted.
//!
//! A hint that has a command ends with it. The command names the app and the account wherever a
//! plain one would not find them, and is quoted for a shell: names come from servers too.

use crate::text::clean;

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Hint {
    /// Words, or a command that is whole.
    Said(String),
    /// A command about an app, after the words that lead to it.
    About { words: &'static str, command: &'static str, app: Option<String> },
    /// The command line of this process once more, with these flags in the place of its own.
    Again(Vec<Flag>),
}

/// A flag and its value. One whose value is to be dropped is [`Flag::without`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flag {
    name: &'static str,
    value: Option<String>,
    is_wanted: bool,
}

impl Flag {
    /// A flag without a value.
    pub(crate) fn plain(name: &'static str) -> Self {
        Self { name, value: None, is_wanted: true }
    }

    /// A flag with a value, which takes the place of the one that was given.
    pub(crate) fn with(name: &'static str, value: &str) -> Self {
        Self { name, value: Some(value.to_owned()), is_wanted: true }
    }

    /// A flag without a value that is left out if it was given.
    pub(crate) fn without(name: &'static str) -> Self {
        Self { name, value: None, is_wanted: false }
    }
}

/// The command that most sign-in failures advise.
pub(crate) const SIGN_IN: &str = "xpkce login";

/// The command that asks X about an app.
pub(crate) const CHECK: &str = "xpkce app check";

impl Hint {
    /// Advises a command about an app.
    pub(crate) fn about(command: &'static str) -> Self {
        Self::About { words: "", command, app: None }
    }

    /// Advises to sign in.
    pub(crate) fn sign_in() -> Self {
        Self::about(SIGN_IN)
    }

    /// Returns whether it is the advice to sign in, and nothing else.
    pub(crate) fn is_sign_in(&self) -> bool {
        matches!(self, Self::About { words: "", command: SIGN_IN, .. })
    }

    /// Names the app where the command is about one and does not name it yet.
    #[must_use]
    pub(crate) fn for_app(self, flag: Option<&str>) -> Self {
        match self {
            Self::About { words, command, app } => {
                Self::About { words, command, app: app.or_else(|| flag.map(str::to_owned)) }
            }
            other => other,
        }
    }

    /// Puts it into words. `typed` is the command line of this process, without the program.
    pub(crate) fn text(&self, typed: &[String]) -> String {
        match self {
            Self::Said(words) => words.clone(),
            Self::About { words, command, app } => {
                // One that was named on this command line is meant, too.
                let app = app.as_deref().or_else(|| app_of(typed));
                let flag = app.map(|app| format!(" --app {}", quoted(app)));
                format!("{words}{command}{}", flag.unwrap_or_default())
            }
            Self::Again(flags) => again(typed, flags),
        }
    }
}

impl From<String> for Hint {
    fn from(words: String) -> Self {
        Self::Said(words)
    }
}

impl From<&str> for Hint {
    fn from(words: &str) -> Self {
        Self::Said(words.to_owned())
    }
}

/// Returns the app that a command line names.
fn app_of(typed: &[String]) -> Option<&str> {
    let mut words = typed.iter().map(String::as_str).take_while(|word| *word != "--");
    words.find_map(|word| word.strip_prefix("--app")).and_then(|value| match value {
        "" => words.next(),
        value => value.strip_prefix('='),
    })
}

/// Repeats a command line with other flags. What follows a lone `--` stays behind it. One with a header
/// or a body, which may be secret, is spoken of.
fn again(typed: &[String], flags: &[Flag]) -> String {
    let mut wanted = Vec::new();
    for flag in flags.iter().filter(|flag| flag.is_wanted) {
        wanted.push(flag.name.to_owned());
        wanted.extend(flag.value.as_deref().map(quoted));
    }
    if typed.iter().take_while(|word| *word != "--").any(|word| is_secret(word)) {
        return format!("run it again with {}", wanted.join(" "));
    }
    let mut words = vec!["xpkce".to_owned()];
    let mut left = typed.iter();
    let mut operands = Vec::new();
    while let Some(word) = left.next() {
        if word == "--" {
            operands = left.map(|word| quoted(word)).collect();
            break;
        }
        let name = word.split_once('=').map_or(word.as_str(), |(name, _)| name);
        match flags.iter().find(|flag| flag.name == name) {
            None => words.push(quoted(word)),
            Some(flag) if flag.value.is_some() && name == word => drop(left.next()),
            Some(_) => {}
        }
    }
    words.append(&mut wanted);
    if !operands.is_empty() {
        words.push("--".to_owned());
        words.append(&mut operands);
    }
    words.join(" ")
}

/// Returns whether a word gives what must not be repeated. Short flags may share one word.
fn is_secret(word: &str) -> bool {
    match word.strip_prefix("--") {
        Some(long) => {
            let name = long.split_once('=').map_or(long, |(name, _)| name);
            ["header", "data"].contains(&name)
        }
        None => word.starts_with('-') && word.contains(['H', 'd']),
    }
}

/// Quotes a word for a POSIX shell, where it needs it, without what could steer the terminal.
pub(crate) fn quoted(word: &str) -> String {
    let word = clean(word);
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:,@%+=".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word;
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_word_that_a_shell_would_read_is_quoted() {
        for (word, told) in [
            ("ada_example", "ada_example"),
            ("a b", "'a b'"),
            ("$(id)", "'$(id)'"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
            ("a\u{1b}[2J", "'a[2J'"),
            ("~root", "'~root'"),
        ] {
            assert_eq!(quoted(word), told);
        }
    }

    #[test]
    fn a_flag_takes_the_place_of_the_one_that_was_given() {
        let flags = [Flag::with("--account", "ada"), Flag::with("--app", "a b")];
        let hint = Hint::Again(flags.into());
        for line in ["token --json", "token --account=x --json", "token --app y --json"] {
            assert_eq!(hint.text(&typed(line)), "xpkce token --json --account ada --app 'a b'");
        }
    }

    #[test]
    fn a_flag_that_is_in_the_way_is_left_out() {
        let hint = Hint::Again(vec![Flag::without("--no-browser"), Flag::plain("--headless")]);
        assert_eq!(hint.text(&typed("login --no-browser")), "xpkce login --headless");
        assert_eq!(hint.text(&typed("login --headless")), "xpkce login --headless");
    }

    #[test]
    fn a_header_and_a_body_are_not_repeated() {
        let hint = Hint::Again(vec![Flag::with("--app", "a")]);
        for line in
            ["-H secret", "-Hsecret -d=body", "--header=secret", "--data body", "-vH secret"]
        {
            let line = format!("request POST /x {line} --json");
            assert_eq!(hint.text(&typed(&line)), "run it again with --app a");
        }
    }

    #[test]
    fn operands_stay_behind_their_dashes() {
        let hint = Hint::Again(vec![Flag::with("--app", "a")]);
        assert_eq!(hint.text(&typed("request GET -- --app")), "xpkce request GET --app a -- --app");
    }

    #[test]
    fn the_app_is_named_where_the_command_is_about_one() {
        let named = Hint::sign_in().for_app(Some("a")).for_app(Some("b"));
        assert_eq!(named.text(&[]), "xpkce login --app a");
        assert_eq!(Hint::from("wait").for_app(Some("a")).text(&[]), "wait");
        for line in ["token --app a", "token --app=a --json"] {
            assert_eq!(Hint::sign_in().text(&typed(line)), "xpkce login --app a");
            assert_eq!(
                Hint::sign_in().for_app(Some("b")).text(&typed(line)),
                "xpkce login --app b"
            );
        }
        for line in ["request GET -- --app", "token --app", "app check x"] {
            assert_eq!(Hint::sign_in().text(&typed(line)), "xpkce login");
        }
    }
}
