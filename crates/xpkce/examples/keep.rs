//! Signs in once and keeps the login, against the emulator: `cargo run -p xpkce --example keep`.
//!
//! With a real app, leave out the emulator and its two base URLs, and let the user open the URL.

#![allow(clippy::print_stdout)]

use std::sync::Arc;

use xpkce::seal::{KeySource, unlock};
use xpkce::store::SqliteStore;
use xpkce::{App, Client, Keeper, Scopes};
use xpkce_emulator::Emulator;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let x = Emulator::start().await;
    let home = tempfile::tempdir()?;
    let app = App::public(x.public_app().client_id)
        .with_scopes(Scopes::parse(Scopes::DEFAULT))
        .with_base_url(x.base_url())?
        .with_authorization_base_url(x.authorization_base_url())?;

    let store = SqliteStore::open(home.path().join("logins.db")).await?;
    let keys = unlock(&store, &KeySource::File(home.path().join("key"))).await?;
    let keeper = Keeper::new(Client::with_hyper(app), Arc::new(store), Arc::new(keys), None)?;

    // Once, with the user: open the URL, and take the callback that the browser ends at.
    let login = keeper.begin_login()?;
    let callback = x.approve(login.url()).await;
    let signed_in = keeper.sign_in(login.approve(&callback)?).await?;
    println!("signed in: {} ({:?})", signed_in.account, signed_in.username);

    // For ever after, in any number of tasks, threads and processes on that store.
    let tokens = keeper.token_source(&signed_in.account.user);
    println!("a token: {:?}", tokens.access_token().await?);
    println!("rotated: {:?}", tokens.refresh().await?);
    println!("signed out: {:?}", tokens.sign_out().await?);
    Ok(())
}
