//! What ends a command, and the one table of what each kind exits with and advises.

use std::error::Error as _;
use std::fmt::Display;

use xpkce::{ErrorKind, Reason};

use crate::hint::{CHECK, Flag, Hint, SIGN_IN};
use crate::text::{clean, span};

/// The result of every fallible call of the command.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// What a failure is to a script: the exit code and the name follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Whoever reads our output has gone. Not a failure.
    Closed,
    /// X or this program misbehaved.
    Protocol,
    /// The command line is wrong.
    Usage,
    /// A setting or the app's registration is wrong.
    Configure,
    /// A person must approve.
    SignIn,
    /// A refresh token may be spent.
    InDoubt,
    /// The same command may work in a while.
    Retry,
    /// The store failed.
    Store,
    /// Ctrl-C or SIGTERM.
    Interrupted,
}

impl Kind {
    /// The table: the exit code, and the name in JSON.
    const fn row(self) -> (u8, &'static str) {
        match self {
            Self::Closed => (0, "closed"),
            Self::Protocol => (1, "protocol"),
            Self::Usage => (2, "usage"),
            Self::Configure => (2, "configure"),
            Self::SignIn => (3, "sign_in"),
            Self::InDoubt => (4, "in_doubt"),
            Self::Retry => (5, "retry"),
            Self::Store => (6, "store"),
            Self::Interrupted => (130, "interrupted"),
        }
    }

    /// Returns what the process exits with.
    pub(crate) const fn exit_code(self) -> u8 {
        self.row().0
    }

    /// Returns the kind's name in JSON.
    pub(crate) const fn name(self) -> &'static str {
        self.row().1
    }
}

/// What happened, why, and the one thing to do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) message: String,
    pub(crate) why: Option<String>,
    pub(crate) hint: Option<Hint>,
}

impl Failure {
    /// Makes one that says what happened, in a sentence without a full stop. It may name what came
    /// from elsewhere.
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: clean(&message.into()), why: None, hint: None }
    }

    /// Adds the one command or setting that mends it.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<Hint>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Advises the command line of this process once more, with these flags.
    #[must_use]
    pub(crate) fn again(self, flags: impl Into<Vec<Flag>>) -> Self {
        self.hint(Hint::Again(flags.into()))
    }

    /// Adds why it happened.
    #[must_use]
    pub(crate) fn why(mut self, why: &dyn Display) -> Self {
        self.why = Some(clean(&why.to_string()));
        self
    }

    /// Names the app in a hint that is about one, where it has to be named.
    #[must_use]
    pub(crate) fn for_app(mut self, flag: Option<&str>) -> Self {
        self.hint = self.hint.map(|hint| hint.for_app(flag));
        self
    }

    /// Says that a sign-in has to begin again, whatever the hint was: its callback is used up. What
    /// is wrong with the settings or with the store has to be mended first, and is still told.
    #[must_use]
    pub(crate) fn ends_sign_in(mut self) -> Self {
        let is_wait = |hint: &Hint| matches!(hint, Hint::Said(words) if words.starts_with("wait"));
        let is_first = matches!(self.kind, Kind::Configure | Kind::Store);
        let told = self.hint.take().filter(|it| is_first || is_wait(it));
        self.hint = Some(told.unwrap_or_else(Hint::sign_in));
        self
    }

    /// In a sign-in, advises the same sign-in again where the advice is to sign in.
    #[must_use]
    pub(crate) fn or_again(self) -> Self {
        match &self.hint {
            Some(hint) if hint.is_sign_in() => self.again([]),
            _ => self,
        }
    }

    /// The end that Ctrl-C and SIGTERM bring.
    pub(crate) fn interrupted() -> Self {
        Self::new(Kind::Interrupted, "interrupted")
    }
}

impl From<xpkce::Error> for Failure {
    fn from(error: xpkce::Error) -> Self {
        let mut message = clean(&error.to_string());
        if let Some(status) = error.status() {
            message.push_str(&format!(" (HTTP {status})"));
        }
        let hint = match (advice(error.reason()), error.retry_after()) {
            // The wait alone mends no setting.
            (Some(advice), _) if error.kind() == ErrorKind::Configure => advice,
            (_, Some(wait)) => format!("wait {}, then run it again", span(wait)).into(),
            (Some(advice), None) => advice,
            (None, None) => match error.hint() {
                Some(hint) => clean(hint).into(),
                None => last_resort(error.reason()),
            },
        };
        Self { kind: kind(error.kind()), message, why: why(&error), hint: Some(hint) }
    }
}

fn kind(kind: ErrorKind) -> Kind {
    match kind {
        ErrorKind::Configure => Kind::Configure,
        ErrorKind::InDoubt => Kind::InDoubt,
        ErrorKind::SignIn => Kind::SignIn,
        ErrorKind::Retry => Kind::Retry,
        ErrorKind::Store => Kind::Store,
        _ => Kind::Protocol,
    }
}

/// What to type or set, by what happened; none where the library itself knows better.
fn advice(reason: Reason) -> Option<Hint> {
    Some(match reason {
        Reason::WrongClientId | Reason::WrongSecretOrAppType => Hint::about(CHECK),
        Reason::OtherApp => Hint::About {
            words: "finish it with the settings that it began with, or begin again: ",
            command: SIGN_IN,
            app: None,
        },
        Reason::Denied
        | Reason::StateMismatch
        | Reason::IssuerMismatch
        | Reason::CodeRejected
        | Reason::VerifierMismatch
        | Reason::NotSignedIn
        | Reason::LoginExpired
        | Reason::TokenRejected
        | Reason::SignedOut => Hint::sign_in(),
        // The same sign-in once more would bring none either, where the app's scopes lack it.
        Reason::NoRefreshToken => Hint::About {
            words: "with offline.access among the app's scopes, or in --scope or XPKCE_SCOPE: ",
            command: SIGN_IN,
            app: None,
        },
        Reason::NotSent => "check the network and the base URL, then run it again".into(),
        Reason::Outage | Reason::Busy | Reason::Deadline => "run it again in a moment".into(),
        Reason::StoreDamaged => Hint::About {
            words: "restore the store from a backup, or move it away with the -wal and -shm beside it and run: ",
            command: SIGN_IN,
            app: None,
        },
        Reason::UnexpectedAnswer | Reason::Internal => {
            "run it again with XPKCE_LOG=debug, and report what it says".into()
        }
        _ => return None,
    })
}

/// Where neither we nor the library knows the very thing.
fn last_resort(reason: Reason) -> Hint {
    match reason.kind() {
        _ if reason == Reason::Key => {
            "set XPKCE_KEY_FILE or XPKCE_KEY to the key that this store was made with".into()
        }
        ErrorKind::Configure => "look at the app's settings: xpkce app list".into(),
        ErrorKind::Store => STORE.into(),
        ErrorKind::SignIn => Hint::sign_in(),
        _ => "xpkce status".into(),
    }
}

/// The hint of a store that cannot be written.
const STORE: &str =
    "check the folder's owner and the disk's free space, or the server behind XPKCE_STORE";

/// The chain of causes, without repeats, and X's own name for the request.
fn why(error: &xpkce::Error) -> Option<String> {
    let mut causes: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = clean(&cause.to_string());
        let is_told = |told: &String| told.contains(&text);
        if !causes.iter().any(is_told) && !error.to_string().contains(&text) {
            causes.push(text);
        }
        next = cause.source();
    }
    causes.extend(error.transaction_id().map(|id| format!("X's transaction id is {id}")));
    (!causes.is_empty()).then(|| causes.join(": "))
}

/// Adds what was being done to an error of the system.
pub(crate) fn io(kind: Kind, doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> Failure {
    let doing = doing.into();
    move |why| {
        let failure = Failure::new(kind, doing).why(&why);
        if kind == Kind::Store { failure.hint(STORE) } else { failure }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_kind_of_the_library_has_its_documented_exit_code() {
        for (reason, code) in [
            (Reason::Internal, 1),
            (Reason::InvalidSetting, 2),
            (Reason::Denied, 3),
            (Reason::OutcomeUnknown, 4),
            (Reason::NotSent, 5),
            (Reason::StoreNewer, 6),
        ] {
            let failure = Failure::from(xpkce::Error::new(reason, "it"));
            assert_eq!(failure.kind.exit_code(), code, "{reason:?}");
        }
        assert_eq!(Kind::Interrupted.exit_code(), 130);
    }

    #[test]
    fn a_wait_that_x_asked_for_is_the_hint() {
        let error = xpkce::Error::new(Reason::RateLimited, "X asks to wait");
        let failure = Failure::from(error.with_retry_after(Duration::from_secs(90)));
        assert_eq!(failure.hint, Some("wait 1 min 30 s, then run it again".into()));
    }

    #[test]
    fn an_app_that_x_refuses_is_looked_into_though_it_is_not_asked_again_yet() {
        let refused = || xpkce::Error::new(Reason::WrongSecretOrAppType, "X refused the client");
        for error in [refused(), refused().with_retry_after(Duration::from_secs(90))] {
            assert_eq!(Failure::from(error).hint, Some(Hint::about(CHECK)));
        }
    }

    #[test]
    fn a_store_that_failed_a_sign_in_is_mended_before_it_begins_again() {
        let full = Failure::from(xpkce::Error::new(Reason::Store, "full")).ends_sign_in();
        assert_eq!(full.hint, Some(STORE.into()));
        let denied = Failure::from(xpkce::Error::new(Reason::Denied, "no")).ends_sign_in();
        assert_eq!(denied.hint, Some(Hint::sign_in()));
    }

    #[test]
    fn control_characters_in_a_message_are_dropped() {
        let error = xpkce::Error::new(Reason::Refused, "a\u{1b}[31mb");
        assert_eq!(Failure::from(error).message, "a[31mb");
    }
}
