//! Signing in with the listener: bound before the browser opens, and the browser is told how it
//! ended.

use xpkce::loopback::Listener;
use xpkce::{Login, SignedIn};

use super::Begun;
use super::paste::Waiting;
use crate::commands::Context;
use crate::failure::{Failure, Result};
use crate::hint::Flag;

/// Listens, opens the consent page or prints its URL, and takes the callback.
pub(super) async fn sign_in(
    context: &Context,
    begun: &Begun,
    opens_browser: bool,
) -> Result<SignedIn> {
    let listener = bind(begun).await?;
    invite(context, &begun.login, opens_browser)?;
    let visit = listener.callback(&begun.login, Login::LIFETIME).await;
    let visit = visit.map_err(|why| begun.ended(why))?;
    let outcome = begun.finish(context, visit.callback_url()).await;
    visit.tell(&outcome).await;
    outcome.map_err(|why| begun.ended(why))
}

async fn bind(begun: &Begun) -> Result<Listener> {
    let by_hand = [Flag::without("--no-browser"), Flag::plain("--headless")];
    let listener = Listener::bind(begun.login.redirect_uri()).await;
    listener.map_err(|why| Failure::from(why).again(by_hand))
}

/// A browser that cannot be opened is no failure: the URL is there to be opened by hand.
fn invite(context: &Context, login: &Login, opens_browser: bool) -> Result<()> {
    let output = &context.output;
    if !opens_browser {
        output.say("Open this URL in a browser on this machine, and authorize the app:\n");
        match output.is_json() {
            true => output.json(&Waiting::of(login))?,
            false => output.line(login.url())?,
        }
    } else if context.environment.has_desktop() && webbrowser::open(login.url()).is_ok() {
        output.say("Your browser shows X's consent page. If it does not, open this URL:\n");
        output.say(login.url());
    } else {
        output.say("There is no browser to open here. Open this URL on this machine:\n");
        output.say(login.url());
        let by_hand = context.again([Flag::plain("--headless")]);
        output.say(&format!("\nWith the browser on another machine use: {by_hand}"));
    }
    if !context.terminal.can_ask() {
        output.say("\nThere is no terminal: nothing is asked, and standard input is not read.");
    }
    output.say(&format!("\nWaiting for X to call back at {} …", login.redirect_uri()));
    Ok(())
}
