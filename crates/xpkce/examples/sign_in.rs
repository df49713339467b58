//! Signs in on this machine and says who it was: `cargo run -p xpkce --example sign_in -- CLIENT_ID`.
//!
//! The app is public ("Native App" in X's console) and has `http://127.0.0.1:8080/callback`
//! registered. Without a client id the emulator stands in for X, and approves by itself.

#![allow(clippy::print_stdout)]

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use xpkce::loopback::Listener;
use xpkce::{App, Client, Clock as _, Login, Scopes, SystemClock};
use xpkce_emulator::Emulator;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (app, x) = match std::env::args().nth(1) {
        Some(client_id) => (App::public(client_id), None),
        None => emulated().await?,
    };
    let app = app.with_scopes(Scopes::parse(Scopes::DEFAULT));
    for finding in xpkce::lint(&app) {
        println!("{:?}: {}. {}.", finding.severity, finding.message, finding.hint);
    }

    let login = Login::begin(&app, SystemClock.now())?;
    // Bound before the browser opens, so that no other program can take the callback.
    let listener = Listener::bind(login.redirect_uri()).await?;
    println!("Open {}", login.url());
    if let Some(x) = &x {
        let callback = x.approve(login.url()).await;
        tokio::spawn(visit_as_a_browser(callback));
    }

    let visit = listener.callback(&login, Login::LIFETIME).await?;
    let client = Client::with_hyper(app);
    let token = match login.approve(visit.callback_url()) {
        Ok(approval) => client.exchange(approval).await,
        Err(error) => Err(error),
    };
    visit.tell(&token).await;

    let user = client.me(&token?.access_token).await?;
    println!("Signed in as {}", user.username.unwrap_or(user.id));
    Ok(())
}

/// Starts the emulator, and registers a free port's callback there.
async fn emulated() -> Result<(App, Option<Emulator>), Box<dyn std::error::Error>> {
    let x = Emulator::start().await;
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let redirect_uri = format!("http://127.0.0.1:{port}/callback");
    let seed = x.public_app();
    x.register_redirect(&seed.client_id, &redirect_uri);
    let app = App::public(seed.client_id)
        .with_redirect_uri(redirect_uri)
        .with_base_url(x.base_url())?
        .with_authorization_base_url(x.authorization_base_url())?;
    Ok((app, Some(x)))
}

/// Follows the redirect of the consent page, as the user's browser would.
async fn visit_as_a_browser(callback: String) -> std::io::Result<()> {
    let (host, target) = callback.trim_start_matches("http://").split_once('/').unwrap_or_default();
    let mut page = TcpStream::connect(host).await?;
    let request = format!("GET /{target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    page.write_all(request.as_bytes()).await?;
    page.read_to_end(&mut Vec::new()).await.map(drop)
}
