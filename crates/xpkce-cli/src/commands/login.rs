//! `xpkce login`: from the authorize URL to a saved login. The ways the callback comes back are in
//! files of their own: the listener in [`browser`], by hand in [`paste`], from another process in
//! [`later`].

use clap::{Args, Subcommand};
use xpkce::grant::State;
use xpkce::{Clock as _, Keeper, Login, Scopes, Severity, SignedIn, SystemClock, lint};

use super::Context;
use crate::choose::{LoginFlags, is_called, name, named};
use crate::config::{AppFlags, ChosenApp, Settings};
use crate::failure::{Failure, Kind, Result};
use crate::text::{clean, until};
use crate::vault::Vault;
use crate::view::{SignedInView, Who};

mod browser;
mod later;
mod paste;

/// Sign in: open X's consent page, take the callback, save the tokens.
///
/// Without a terminal nothing is asked, and standard input is read only with --headless and by
/// `login finish`, for the callback URL.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct LoginCommand {
    #[command(subcommand)]
    step: Option<Step>,
    #[command(flatten)]
    begin: Begin,
    /// Sign in on a machine without a browser: print the URL, and read the callback URL, which the
    /// browser ends at, from standard input.
    #[arg(long, conflicts_with = "no_browser")]
    headless: bool,
    /// Print the URL on standard output instead of opening it, and listen for the callback.
    #[arg(long)]
    no_browser: bool,
    /// Fail with 3 if somebody else signs in than this user (a handle, or X's user id).
    #[arg(long, value_name = "USER", value_parser = named)]
    expect: Option<String>,
}

/// How a sign-in begins.
#[derive(Args, Debug)]
struct Begin {
    /// The app: its name in `xpkce app list`, or its client id.
    #[arg(long, value_name = "NAME", value_parser = named)]
    app: Option<String>,
    #[command(flatten)]
    flags: AppFlags,
    /// Do not ask before replacing a login.
    #[arg(short, long)]
    yes: bool,
}

#[derive(Debug, Subcommand)]
enum Step {
    Start(later::Start),
    Finish(later::Finish),
}

impl LoginCommand {
    pub(crate) async fn run(self, context: &Context) -> Result<()> {
        match self.step {
            Some(Step::Start(start)) => return start.run(context).await,
            Some(Step::Finish(finish)) => return finish.run(context).await,
            None => {}
        }
        let settings = context.settings()?;
        let begun = self.begin.begin(context, &settings, self.expect.as_deref()).await?;
        let signed_in = match self.headless {
            true => paste::sign_in(context, &begun).await,
            false => browser::sign_in(context, &begun, !self.no_browser).await,
        };
        let signed_in = signed_in.map_err(Failure::or_again)?;
        begun.tell_what_was_not_granted(context, &signed_in);
        report(context, &settings, &begun.vault, &signed_in, self.expect.as_deref()).await
    }
}

/// A sign-in that was begun, and waits in the store.
struct Begun {
    chosen: ChosenApp,
    vault: Vault,
    keeper: Keeper,
    login: Login,
}

impl Begin {
    /// Begins a sign-in and keeps it in the store: one that cannot be written is found now, and
    /// another process can finish it.
    async fn begin(
        &self,
        context: &Context,
        settings: &Settings<'_>,
        expected: Option<&str>,
    ) -> Result<Begun> {
        let chosen = settings.app(self.app.as_deref())?.with(&self.flags);
        let vault = Vault::open(settings).await?;
        let app = chosen.app(&vault.sealer)?;
        for finding in lint(&app).iter().filter(|it| it.severity == Severity::Warning) {
            context.output.warn(&clean(&finding.message), Some(finding.hint));
        }
        self.mind_live_logins(context, &vault, &chosen, expected).await?;
        let keeper = vault.keeper(app)?;
        let login = keeper.begin_login()?;
        keeper.park_login(&login).await?;
        Ok(Begun { chosen, vault, keeper, login })
    }

    /// X keeps one live grant per app and user: the next one ends the last one.
    async fn mind_live_logins(
        &self,
        context: &Context,
        vault: &Vault,
        chosen: &ChosenApp,
        expected: Option<&str>,
    ) -> Result<()> {
        let live = vault.logins(Some(&chosen.client_id)).await?.into_iter().filter(|stored| {
            let is_live = !matches!(stored.grant.state, State::SignedOut | State::SignInNeeded);
            is_live && expected.is_none_or(|user| is_called(&stored.grant, user))
        });
        let names: Vec<_> = live.map(|stored| name(&stored.grant)).collect();
        if names.is_empty() || self.yes {
            return Ok(());
        }
        context.output.warn(
            &format!(
                "already signed in to the app {}: {}. Signing in as the same user again ends that login, here and on every other machine",
                chosen.shown(),
                names.join(", "),
            ),
            None,
        );
        if !context.terminal.can_ask() {
            context.output.say("There is no terminal to ask at: going on.");
            return Ok(());
        }
        match context.terminal.confirm("Go on?", true).await? {
            true => Ok(()),
            false => {
                Err(Failure::new(Kind::SignIn, "not signed in: you said no").hint("xpkce status"))
            }
        }
    }
}

impl Begun {
    /// Exchanges what the callback brought, and saves it.
    async fn finish(&self, context: &Context, callback: &str) -> xpkce::Result<SignedIn> {
        let finishing = self.keeper.finish_login(callback);
        context.output.waiting("waiting for X's answer", finishing).await
    }

    /// Says how the sign-in failed, and that it begins again.
    fn ended(&self, why: xpkce::Error) -> Failure {
        Failure::from(why).ends_sign_in().for_app(self.chosen.flag())
    }

    fn tell_what_was_not_granted(&self, context: &Context, signed_in: &SignedIn) {
        let (Some(asked), Some(granted)) = (self.login.scopes(), &signed_in.scopes) else {
            return;
        };
        let missing = asked.missing_from(granted);
        if !missing.is_empty() {
            let missing = clean(&missing.to_string());
            context.output.warn(&format!("X did not grant: {missing}"), None);
        }
    }
}

/// Says who signed in, for how long, and what to do next.
pub(super) async fn report(
    context: &Context,
    settings: &Settings<'_>,
    vault: &Vault,
    signed_in: &SignedIn,
    expected: Option<&str>,
) -> Result<()> {
    let view = SignedInView::new(settings, signed_in);
    let shown = view.who.shown();
    let output = &context.output;
    if signed_in.has_replaced {
        output.say(&format!("This login of {shown} takes the place of the one before."));
    }
    if let Some(why) = &signed_in.unlabelled_because {
        output.warn(
            &format!(
                "X did not say who signed in ({}); the login is saved and works as {shown}",
                clean(&why.to_string())
            ),
            Some(&format!("to name it later: xpkce refresh {}", view.who.flags())),
        );
    }
    if let Some(expected) = expected {
        check(signed_in, expected, &view.who)?;
    }
    if output.is_json() {
        return output.json(&view);
    }
    output.say(&format!("Signed in as {shown} to the app {}.", view.who.app));
    output.say(&lifetime(signed_in));
    output.say(&next(settings, vault, signed_in, &view.who).await);
    Ok(())
}

/// Names the login in what to do next, unless it is found without.
pub(super) async fn next(
    settings: &Settings<'_>,
    vault: &Vault,
    signed_in: &SignedIn,
    who: &Who,
) -> String {
    let flags = match LoginFlags::default().choose(settings, vault).await {
        Ok(found) if found.grant.account == signed_in.account => String::new(),
        _ => format!(" {}", who.flags()),
    };
    format!("Next: xpkce token{flags}, xpkce status, or xpkce request GET /2/users/me{flags}")
}

pub(super) fn lifetime(signed_in: &SignedIn) -> String {
    let end = signed_in.expires_at.map(|end| until(end, SystemClock.now()));
    match (end, signed_in.has_refresh_token) {
        (Some(end), true) => {
            format!("The access token lives until {end}; xpkce refreshes it by itself.")
        }
        (Some(end), false) => format!(
            "The login ends {end}: without {} X sends no refresh token.",
            Scopes::OFFLINE_ACCESS
        ),
        (None, _) => "X has sent no access token yet; the next use asks for one.".to_owned(),
    }
}

/// Compares who signed in with who was expected. The login stays: what X has ended with it does
/// not come back.
fn check(signed_in: &SignedIn, expected: &str, who: &Who) -> Result<()> {
    let handle = expected.strip_prefix('@').unwrap_or(expected);
    let is_expected = signed_in.account.user == expected
        || signed_in.username.as_deref().is_some_and(|it| it.eq_ignore_ascii_case(handle));
    if is_expected {
        return Ok(());
    }
    let (shown, handle) = (who.shown(), clean(handle));
    let message = match signed_in.unlabelled_because {
        Some(_) => {
            format!("it is not known whether @{handle} signed in; the login is saved as {shown}")
        }
        None => format!("{shown} signed in, not @{handle}; the login is saved all the same"),
    };
    Err(Failure::new(Kind::SignIn, message)
        .why(&"X's consent page is for whichever account the browser is signed in to")
        .hint(format!(
            "switch accounts on x.com and sign in again; to end this login: xpkce logout {}",
            who.flags()
        )))
}
