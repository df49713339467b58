//! A login as the command shows it: the stable shapes of `--json`, documented in the README.

use serde::Serialize;
use xpkce::grant::{Death, Event};
use xpkce::keeper::{Action, LeaseHolder, WaitingPair};
use xpkce::{LoginStatus, SignedIn, Timestamp};

use crate::choose::login_flags;
use crate::config::Settings;
use crate::hint::quoted;
use crate::text::{clean, span};

/// Who a login is. Part of every shape.
#[derive(Debug, Serialize)]
pub(crate) struct Who {
    /// What `--account` takes: the handle, or else the user id or provisional name.
    pub(crate) account: String,
    /// X's user id; null until it is known.
    user_id: Option<String>,
    username: Option<String>,
    /// What `--app` takes: the app's name, or else its client id.
    pub(crate) app: String,
}

impl Who {
    pub(crate) fn new(
        settings: &Settings<'_>,
        account: &xpkce::grant::Account,
        username: Option<&str>,
    ) -> Self {
        let username = username.map(clean);
        let is_known = !account.is_unlabelled();
        Self {
            account: username.clone().unwrap_or_else(|| clean(&account.user)),
            user_id: is_known.then(|| clean(&account.user)),
            username,
            app: clean(settings.name_of(&account.app)),
        }
    }

    /// Returns the flags that name this login among all, as they are typed.
    pub(crate) fn flags(&self) -> String {
        login_flags(&self.account, &self.app)
    }

    /// Returns how the account is told to a person.
    pub(crate) fn shown(&self) -> String {
        match &self.username {
            Some(username) => format!("@{username}"),
            None => self.account.clone(),
        }
    }
}

/// What a sign-in came to.
#[derive(Debug, Serialize)]
pub(crate) struct SignedInView {
    #[serde(flatten)]
    pub(crate) who: Who,
    scopes: Option<Vec<String>>,
    expires_at: Option<i64>,
    can_refresh: bool,
    replaced: bool,
}

impl SignedInView {
    pub(crate) fn new(settings: &Settings<'_>, signed_in: &SignedIn) -> Self {
        Self {
            who: Who::new(settings, &signed_in.account, signed_in.username.as_deref()),
            scopes: signed_in.scopes.as_ref().map(names),
            expires_at: signed_in.expires_at.map(Timestamp::as_secs),
            can_refresh: signed_in.has_refresh_token,
            replaced: signed_in.has_replaced,
        }
    }
}

/// A login's state.
#[derive(Debug, Serialize)]
pub(crate) struct LoginView {
    #[serde(flatten)]
    pub(crate) who: Who,
    client_id: String,
    pub(crate) scopes: Option<Vec<String>>,
    expires_at: Option<i64>,
    can_refresh: bool,
    pub(crate) generation: u64,
    pub(crate) state: &'static str,
    reason: Option<&'static str>,
    not_before: Option<i64>,
    pub(crate) action: &'static str,
    history: Vec<EventView>,
    /// Who is spending it or signing it out.
    holder: Option<HolderView>,
}

#[derive(Debug, Serialize)]
struct HolderView {
    holder: String,
    since: i64,
    /// Whether it has ended; null where that cannot be told from here.
    is_gone: Option<bool>,
}

/// A pair that the store has not taken yet.
#[derive(Debug, Serialize)]
pub(crate) struct WaitingView {
    user: String,
    pub(crate) app: String,
    generation: u64,
    pub(crate) sign_in: bool,
    pub(crate) received_at: i64,
    holder: String,
}

#[derive(Debug, Serialize)]
struct EventView {
    at: i64,
    generation: u64,
    what: serde_json::Value,
    holder: String,
}

impl LoginView {
    pub(crate) fn new(
        settings: &Settings<'_>,
        login: &LoginStatus,
        holder: Option<&LeaseHolder>,
    ) -> Self {
        Self {
            who: Who::new(settings, &login.account, login.username.as_deref()),
            client_id: clean(&login.account.app),
            scopes: login.scopes.as_ref().map(names),
            expires_at: login.expires_at.map(Timestamp::as_secs),
            can_refresh: login.has_refresh_token,
            generation: login.generation,
            state: login.state.name(),
            reason: login.death.map(reason),
            not_before: login.not_before.map(Timestamp::as_secs),
            action: action(login.action),
            history: login.history.iter().map(EventView::new).collect(),
            holder: holder.map(HolderView::new),
        }
    }
}

impl HolderView {
    fn new(holder: &LeaseHolder) -> Self {
        Self {
            holder: clean(&holder.holder.to_string()),
            since: holder.since.as_secs(),
            is_gone: holder.is_gone,
        }
    }
}

impl WaitingView {
    pub(crate) fn new(settings: &Settings<'_>, pair: &WaitingPair) -> Self {
        Self {
            user: clean(&pair.account.user),
            app: clean(settings.name_of(&pair.account.app)),
            generation: pair.generation.0,
            sign_in: pair.is_sign_in,
            received_at: pair.received_at.as_secs(),
            holder: clean(&pair.holder.to_string()),
        }
    }

    /// Says what waits, and what saves it.
    pub(crate) fn told(&self, now: Timestamp) -> String {
        let Self { user, app, holder, .. } = self;
        let what = match self.sign_in {
            true => "a sign-in".to_owned(),
            false => format!("a rotated pair of {user}"),
        };
        let ago = span(now.since(Timestamp::from_secs(self.received_at)));
        format!(
            "{what} to {app}, which {holder} received {ago} ago, is not in the store yet; \
             its next use saves it, or: xpkce keep --once"
        )
    }
}

/// Names what happened, for people.
pub(crate) fn event(event: &Event) -> String {
    EventView::new(event).what.as_str().unwrap_or("-").replace('_', " ")
}

impl EventView {
    fn new(event: &Event) -> Self {
        Self {
            at: event.at.as_secs(),
            generation: event.generation.0,
            what: serde_json::to_value(event.what).unwrap_or_default(),
            holder: clean(&event.holder),
        }
    }
}

/// Returns the scopes' names, harmless.
pub(crate) fn names(scopes: &xpkce::Scopes) -> Vec<String> {
    scopes.iter().map(clean).collect()
}

fn reason(death: Death) -> &'static str {
    match death {
        Death::TokenInvalid => "token_invalid",
        Death::AnswerLost => "answer_lost",
        Death::NoRefreshToken => "no_refresh_token",
        _ => "other",
    }
}

fn action(action: Action) -> &'static str {
    match action {
        Action::Wait => "wait",
        Action::SignIn => "sign_in",
        Action::SignOutAgain => "sign_out_again",
        _ => "none",
    }
}

/// Says what a login needs, in words, and the command for it.
pub(crate) fn advice(login: &LoginStatus, who: &Who) -> String {
    let sign_in = format!("xpkce login --app {}", quoted(&who.app));
    match (login.action, login.death) {
        (Action::SignIn, Some(Death::AnswerLost)) => {
            format!(
                "an answer of X was lost; end the old login at {CONNECTED_APPS}, then: {sign_in}"
            )
        }
        (Action::SignIn, Some(Death::NoRefreshToken)) => {
            format!("with offline.access among the scopes: {sign_in}")
        }
        (Action::SignIn, ..) => sign_in,
        (Action::SignOutAgain, ..) => format!("xpkce logout {}", who.flags()),
        (Action::Wait, ..) => "wait: X is asked again with the next use".to_owned(),
        _ => "nothing".to_owned(),
    }
}

/// Where a user ends what an app was given.
pub(crate) const CONNECTED_APPS: &str = "https://x.com/settings/connected_apps";
