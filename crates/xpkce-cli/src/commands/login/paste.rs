//! Signing in by hand: the URL goes out, the callback URL comes back as a line of text.

use serde::Serialize;
use xpkce::{ErrorKind, Login, Reason, SignedIn};

use super::Begun;
use crate::commands::Context;
use crate::failure::{Failure, Kind, Result};
use crate::hint::Flag;

/// A sign-in that waits for its callback.
#[derive(Serialize)]
pub(super) struct Waiting<'a> {
    url: &'a str,
    state: &'a str,
}

impl<'a> Waiting<'a> {
    pub(super) fn of(login: &'a Login) -> Self {
        Self { url: login.url(), state: login.state().expose() }
    }
}

/// Prints the URL and takes the callback URL from standard input. A person may try again.
pub(super) async fn sign_in(context: &Context, begun: &Begun) -> Result<SignedIn> {
    instruct(context, &begun.login)?;
    loop {
        let callback = callback(context).await?;
        let why = match begun.finish(context, &callback).await {
            Ok(signed_in) => return Ok(signed_in),
            Err(why) => why,
        };
        if !context.terminal.can_ask() || !may_try_again(&why) {
            return Err(begun.ended(why));
        }
        context.output.warn(&format!("{why}. Paste it once more, or press Ctrl-C"), why.hint());
    }
}

fn instruct(context: &Context, login: &Login) -> Result<()> {
    let output = &context.output;
    output.say("Open this URL in any browser, on any machine, and authorize the app:\n");
    match output.is_json() {
        true => output.json(&Waiting::of(login))?,
        false => output.line(login.url())?,
    }
    output.say(
        "\nThe browser then ends at a page that it cannot show: that is expected. Copy that page's \
         whole address,\nwhich holds the code, and paste it here. X lets the code live for 30 \
         seconds after you authorize.",
    );
    if let Some(port) = port(login.redirect_uri()) {
        let listening = context.again([Flag::without("--headless"), Flag::plain("--no-browser")]);
        output.say(&format!(
            "Or, from the machine with the browser, run ssh -L {port}:127.0.0.1:{port} THIS-MACHINE, \
             and here: {listening}"
        ));
    }
    if !context.terminal.can_ask() {
        output.say("There is no terminal: reading the callback URL from standard input.");
    }
    Ok(())
}

/// Reads the callback URL, or its query, as a line.
pub(super) async fn callback(context: &Context) -> Result<String> {
    loop {
        let Some(line) = context.terminal.line("\nCallback URL: ").await? else {
            let message = "standard input ended before the callback URL came";
            return Err(Failure::new(Kind::SignIn, message).again([]));
        };
        if !line.trim().is_empty() {
            return Ok(line.trim().to_owned());
        }
    }
}

/// A slip of the hand spends nothing: the sign-in still waits.
fn may_try_again(why: &xpkce::Error) -> bool {
    why.kind() == ErrorKind::SignIn
        && matches!(why.reason(), Reason::MalformedCallback | Reason::LoginExpired)
}

/// Returns the port of a callback on this machine.
fn port(redirect_uri: &str) -> Option<u16> {
    let uri: http::Uri = redirect_uri.parse().ok()?;
    let is_local = matches!(uri.host(), Some("127.0.0.1" | "localhost" | "[::1]"));
    uri.port_u16().filter(|_| is_local && uri.scheme_str() == Some("http"))
}
