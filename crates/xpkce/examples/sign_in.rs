//! Signs in on this machine and says who it was: `cargo run --example sign_in -- CLIENT_ID`.
//!
//! The app is public ("Native App" in X's console) and has `http://127.0.0.1:8080/callback`
//! registered.

#![allow(clippy::print_stdout)]

use xpkce::loopback::Listener;
use xpkce::{App, Client, Clock as _, Login, Result, Scopes, SystemClock};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let client_id = std::env::args().nth(1).unwrap_or_default();
    let app = App::public(client_id).with_scopes(Scopes::parse(Scopes::DEFAULT));
    for finding in xpkce::lint(&app) {
        println!("{:?}: {}. {}.", finding.severity, finding.message, finding.hint);
    }

    let login = Login::begin(&app, SystemClock.now())?;
    // Bound before the browser opens, so that no other program can take the callback.
    let listener = Listener::bind(login.redirect_uri()).await?;
    println!("Open {}", login.url());

    let visit = listener.callback(&login, Login::LIFETIME).await?;
    let client = Client::with_reqwest(app);
    let token = match login.approve(visit.callback_url()) {
        Ok(approval) => client.exchange(approval).await,
        Err(error) => Err(error),
    };
    visit.tell(&token).await;

    let user = client.me(&token?.access_token).await?;
    println!("Signed in as {}", user.username.unwrap_or(user.id));
    Ok(())
}
