//! Scopes: an open set, because X's list grows and an unknown name must never cost a rotated pair.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A set of scopes in the order they were given, without repeats.
///
/// Two are equal when they hold the same names in any order: X answers in its own order. On the
/// wire and in our own records it is one string with single spaces (RFC 6749 section 3.3).
#[derive(Clone, Debug, Default)]
pub struct Scopes(String);

impl Scopes {
    /// What a sign-in needs to find out who signed in, and to stay signed in.
    pub const DEFAULT: &'static str = "tweet.read users.read offline.access";

    /// The scope without which X sends no refresh token, and says nothing about it.
    pub const OFFLINE_ACCESS: &'static str = "offline.access";

    /// The scopes that X documents or its own tools ask for. A name that is not here is kept and
    /// sent all the same.
    pub const KNOWN: [&'static str; 27] = [
        "tweet.read",
        "tweet.write",
        "tweet.moderate.write",
        "users.read",
        "users.email",
        "follows.read",
        "follows.write",
        "offline.access",
        "space.read",
        "mute.read",
        "mute.write",
        "like.read",
        "like.write",
        "list.read",
        "list.write",
        "block.read",
        "block.write",
        "bookmark.read",
        "bookmark.write",
        "dm.read",
        "dm.write",
        "media.write",
        "timeline.read",
        "broadcast.read",
        "broadcast.write",
        "ads.read",
        "ads.write",
    ];

    /// How many names are kept; a list that is longer than X's by far is nobody's.
    const MAX: usize = 512;

    /// How many names are looked at, repeats included, so that no answer takes long to read.
    const LOOKED_AT: usize = 4 * Self::MAX;

    /// Reads names separated by white space. Never fails: what a name may hold is the lint's
    /// affair, so that an answer with an odd scope is not lost.
    pub fn parse(text: &str) -> Self {
        Self::from_iter([text])
    }

    /// Returns the names in the order they were given.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        // Single spaces, nothing else: it was put together below.
        self.0.split(' ').filter(|name| !name.is_empty())
    }

    /// Returns whether it holds `scope`.
    pub fn contains(&self, scope: &str) -> bool {
        self.iter().any(|held| held == scope)
    }

    /// Returns them as they go over the wire, with single spaces.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns how many names it holds.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Returns whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the names that it holds and `other` does not.
    #[must_use]
    pub fn missing_from(&self, other: &Self) -> Self {
        self.iter().filter(|name| !other.contains(name)).collect()
    }
}

impl PartialEq for Scopes {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|name| other.contains(name))
    }
}

impl Eq for Scopes {}

impl<S: AsRef<str>> FromIterator<S> for Scopes {
    fn from_iter<I: IntoIterator<Item = S>>(names: I) -> Self {
        let (mut scopes, mut count, mut left) = (Self::default(), 0, Self::LOOKED_AT);
        for item in names {
            scopes.0.reserve(item.as_ref().len() + 1);
            for name in item.as_ref().split_whitespace().take(left) {
                left -= 1;
                if count < Self::MAX && !scopes.contains(name) {
                    scopes.0.push_str(if count == 0 { "" } else { " " });
                    scopes.0.push_str(name);
                    count += 1;
                }
            }
        }
        scopes
    }
}

impl From<&str> for Scopes {
    fn from(text: &str) -> Self {
        Self::parse(text)
    }
}

impl From<String> for Scopes {
    /// As [`parse`](Self::parse); a text that is as X writes it is kept and not put together anew.
    fn from(text: String) -> Self {
        if is_plain(&text) { Self(text) } else { Self::parse(&text) }
    }
}

/// Returns whether these are a few names, each once, with one space between.
fn is_plain(text: &str) -> bool {
    let (mut names, mut count) = ([""; 16], 0);
    text.split(' ').all(|name| {
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
        let is_new = count < names.len() && !names[..count].contains(&name);
        if is_name && is_new {
            names[count] = name;
            count += 1;
        }
        is_name && is_new
    })
}

impl<S: AsRef<str>> From<Vec<S>> for Scopes {
    fn from(names: Vec<S>) -> Self {
        names.into_iter().collect()
    }
}

impl<S: AsRef<str>, const N: usize> From<[S; N]> for Scopes {
    fn from(names: [S; N]) -> Self {
        names.into_iter().collect()
    }
}

impl FromStr for Scopes {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::parse(text))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::parse(&text))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn order_and_repeats_make_no_difference() {
        let asked = Scopes::parse("tweet.read users.read offline.access");
        let granted = Scopes::parse(" offline.access  tweet.read users.read tweet.read ");
        assert_eq!(asked, granted);
        assert_ne!(asked, Scopes::parse("tweet.read users.read users.email"));
    }

    #[test]
    fn a_list_is_as_good_as_a_string() {
        let names = ["tweet.read", "users.read offline.access"];
        let read: Scopes = Scopes::DEFAULT.parse().unwrap();
        for scopes in [names.into_iter().collect(), names.to_vec().into(), names.into(), read] {
            assert_eq!(scopes.as_str(), Scopes::DEFAULT);
        }
    }

    #[test]
    fn a_list_without_end_is_looked_at_no_further_than_any_list_of_xs() {
        let many: String = (0..512).map(|n| format!("s{n} ")).collect();
        let endless = many.clone() + &"s511 ".repeat(200_000);
        assert_eq!(Scopes::parse(&endless), Scopes::parse(&many));
        assert!(!Scopes::parse(&("a ".repeat(200_000) + "b")).contains("b"));
        let repeated: Scopes = std::iter::repeat_n("a", Scopes::LOOKED_AT).chain(["b"]).collect();
        assert!(!repeated.contains("b"));
        assert_eq!(Scopes::parse(&(many + "one more")).len(), Scopes::MAX);
    }

    #[test]
    fn what_was_asked_and_not_granted_is_named() {
        let asked = Scopes::parse("tweet.read dm.read");
        assert_eq!(asked.missing_from(&Scopes::parse("tweet.read")).to_string(), "dm.read");
    }

    #[test]
    fn the_known_names_are_27_and_no_two_alike() {
        assert_eq!(Scopes::KNOWN.into_iter().collect::<Scopes>().len(), 27);
    }

    proptest! {
        #[test]
        fn display_and_json_come_back_the_same(names in prop::collection::vec("[a-z.]{1,9}", 0..9)) {
            let scopes: Scopes = names.iter().collect();
            prop_assert_eq!(&Scopes::parse(&scopes.to_string()), &scopes);
            let json = serde_json::to_string(&scopes).unwrap();
            prop_assert_eq!(serde_json::from_str::<Scopes>(&json).unwrap(), scopes);
        }

        #[test]
        fn any_text_is_a_set_of_scopes(text in ".*") {
            let scopes = Scopes::parse(&text);
            prop_assert!(scopes.iter().all(|name| !name.contains(char::is_whitespace)));
        }

        #[test]
        fn a_text_that_is_given_away_is_read_no_other(text in "( |a|b|\u{a0}|\t){0,9}|([a-d] ){0,19}[a-d]") {
            let (given, read) = (Scopes::from(text.clone()), Scopes::parse(&text));
            prop_assert_eq!(given.as_str(), read.as_str());
        }
    }
}
