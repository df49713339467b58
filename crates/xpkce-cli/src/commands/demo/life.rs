//! The steps of the demonstration.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use http::{HeaderMap, Method};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use xpkce::http::HyperClient;
use xpkce::loopback::Listener;
use xpkce::seal::{KeySource, unlock};
use xpkce::store::{SqliteStore, Store};
use xpkce::{App, Client, Clock as _, Keeper, Login, Scopes, SignedIn, SystemClock, TokenSource};
use xpkce_emulator::Emulator;

use super::clock::DemoClock;
use crate::commands::Context;
use crate::failure::{Failure, Kind, Result, io};
use crate::text::{clean, clean_lines, span};

/// How many callers ask at once.
const CALLERS: usize = 100;

/// How long a person may take to approve before the demonstration does it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Everything that the demonstration makes. The folder is dropped last.
struct Stage {
    emulator: Emulator,
    clock: Arc<DemoClock>,
    listener: Option<Listener>,
    keeper: Keeper,
    _home: TempDir,
}

/// Shows the whole life of a login.
pub(super) async fn show(context: &Context, opens_browser: bool) -> Result<()> {
    let say = Narrator { context, started: SystemClock.uptime() };
    let mut stage = Stage::set(opens_browser).await?;
    say.step(
        "A stand-in for X runs in this process; nothing here reaches X",
        &[
            format!("at       {}", stage.emulator.base_url()),
            format!("app      {}, a public client", stage.emulator.public_app().name),
        ],
    )?;
    let signed_in = stage.sign_in(context, &say, opens_browser).await?;
    let source = stage.keeper.token_source(&signed_in.account.user);
    stage.tell_account(&say, &signed_in)?;
    stage.expire_and_ask(&say, &source).await?;
    stage.refresh(&say, &source).await?;
    stage.request(&say, &source).await?;
    stage.sign_out(&say, &source).await?;
    let Stage { emulator, keeper, _home, .. } = stage;
    drop((source, keeper, emulator));
    let took = (SystemClock.uptime() - say.started).as_secs_f64();
    _home.close().map_err(io(Kind::Store, "cannot remove the demonstration's folder"))?;
    say.step(
        &format!("Done in {took:.1} s; the folder with key and store is removed"),
        &[
            "Next     xpkce app add my-app, with the client id of your app in X's console"
                .to_owned(),
            "         xpkce login".to_owned(),
        ],
    )
}

/// Says each step in one line, with what was seen below it.
struct Narrator<'a> {
    context: &'a Context,
    started: Duration,
}

impl Narrator<'_> {
    fn step(&self, what: &str, seen: &[String]) -> Result<()> {
        let mut text = format!("{what}.");
        for line in seen {
            text.push_str("\n    ");
            text.push_str(&clean_lines(line));
        }
        self.context.output.line(&text)
    }
}

impl Stage {
    async fn set(opens_browser: bool) -> Result<Self> {
        let builder = Emulator::builder();
        let builder = if opens_browser { builder.auto_approve(None) } else { builder };
        let emulator =
            builder.start_blocking().map_err(io(Kind::Protocol, "cannot start the emulator"))?;
        let listener = Listener::bind_any_port("http://127.0.0.1:1/callback").await?;
        let client_id = emulator.public_app().client_id;
        emulator.register_redirect(&client_id, listener.redirect_uri());
        let app = App::public(client_id)
            .with_redirect_uri(listener.redirect_uri())
            .with_scopes(Scopes::parse(Scopes::DEFAULT))
            .with_base_url(emulator.base_url())?
            .with_authorization_base_url(emulator.authorization_base_url())?;
        let home = tempfile::Builder::new()
            .prefix("xpkce-demo-")
            .tempdir()
            .map_err(io(Kind::Store, "cannot make a folder for the demonstration"))?;
        let clock = Arc::new(DemoClock::default());
        let store: Arc<dyn Store> =
            Arc::new(SqliteStore::open(home.path().join("xpkce.db")).await?);
        let sealer = unlock(store.as_ref(), &KeySource::File(home.path().join("key"))).await?;
        let client =
            Client::new(app, Arc::new(HyperClient::new()), Arc::<DemoClock>::clone(&clock));
        let keeper = Keeper::new(client, store, Arc::new(sealer), None)?;
        Ok(Self { emulator, clock, listener: Some(listener), keeper, _home: home })
    }

    async fn sign_in(
        &mut self,
        context: &Context,
        say: &Narrator<'_>,
        opens_browser: bool,
    ) -> Result<SignedIn> {
        let login = self.keeper.begin_login()?;
        let missing = || Failure::new(Kind::Protocol, "the listener was used already");
        let listener = self.listener.take().ok_or_else(missing)?;
        let is_open = opens_browser && webbrowser::open(login.url()).is_ok();
        say.step(
            "The sign-in begins: a consent page with a PKCE challenge and a state",
            &[login.url().to_owned()],
        )?;
        if is_open {
            context
                .output
                .say("Press Allow in your browser. After a minute the demo does it by itself.");
        }
        let callback = listener.callback(&login, Login::LIFETIME);
        let approving = async {
            if is_open {
                tokio::time::sleep(PATIENCE).await;
            }
            approve(&self.emulator, &login).await
        };
        let (mut callback, mut approving) = (std::pin::pin!(callback), std::pin::pin!(approving));
        let visit = tokio::select! {
            visit = &mut callback => visit?,
            approved = &mut approving => { approved?; callback.await? }
        };
        let outcome =
            async { self.keeper.sign_in(login.approve(visit.callback_url())?).await }.await;
        visit.tell(&outcome).await;
        Ok(outcome?)
    }

    fn tell_account(&self, say: &Narrator<'_>, signed_in: &SignedIn) -> Result<()> {
        let end = signed_in.expires_at.map(|end| span(end.since(self.clock.now())));
        let scopes = signed_in.scopes.as_ref().map(|scopes| clean(&scopes.to_string()));
        say.step(
            "The callback came, its code was exchanged, and the tokens are saved, sealed",
            &[
                format!("account  @{}", signed_in.username.as_deref().unwrap_or("unknown")),
                format!("scopes   {}", scopes.unwrap_or_default()),
                format!("token    lives {}", end.unwrap_or_default()),
            ],
        )
    }

    async fn expire_and_ask(&self, say: &Narrator<'_>, source: &TokenSource) -> Result<()> {
        let later = Duration::from_secs(3 * 3600);
        self.clock.advance(later);
        self.emulator.advance(later);
        let before = self.emulator.refreshes();
        let answers = join_all((0..CALLERS).map(|_| source.access_token())).await;
        let tokens: Vec<_> = answers.into_iter().collect::<xpkce::Result<_>>()?;
        let first = tokens.first().map(|token| token.expose().to_owned()).unwrap_or_default();
        let alike = tokens.iter().filter(|token| token.matches(&first)).count();
        let spent = self.emulator.refreshes() - before;
        say.step(
            &format!(
                "Three hours later the token is dead, and {CALLERS} callers ask for one at once"
            ),
            &[
                format!("callers  {alike} got the same new token"),
                format!("spent    {spent} refresh token: each works once, so one asks for all"),
            ],
        )
    }

    async fn refresh(&self, say: &Narrator<'_>, source: &TokenSource) -> Result<()> {
        let generation = source.refresh().await?.generation();
        say.step(
            "A refresh that is asked for rotates the pair, and saves it before it is used",
            &[format!("now      generation {generation}, {} replays", self.emulator.replays())],
        )
    }

    async fn request(&self, say: &Narrator<'_>, source: &TokenSource) -> Result<()> {
        let answer = source.request(Method::GET, "/2/users/me", HeaderMap::new(), None).await?;
        let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        say.step(
            "A request to the API goes out with the token",
            &[format!("GET      /2/users/me: {}", answer.status), body.to_string()],
        )
    }

    async fn sign_out(&self, say: &Narrator<'_>, source: &TokenSource) -> Result<()> {
        source.sign_out().await?;
        let refused = source.access_token().await.err();
        say.step(
            "The sign-out revokes both tokens at X, and forgets them here",
            &[
                format!("revoked  {} tokens", self.emulator.revocations()),
                format!("token?   {}", refused.map(|why| why.to_string()).unwrap_or_default()),
            ],
        )
    }
}

/// Plays the browser: approves, and follows the redirect to the listener.
async fn approve(emulator: &Emulator, login: &Login) -> Result<()> {
    let refused = |why: String| Failure::new(Kind::Protocol, "the consent page refused").why(&why);
    let callback =
        emulator.try_approve(login.url()).await.map_err(|why| refused(why.to_string()))?;
    let uri: http::Uri = callback.parse().map_err(|_| refused("no callback".to_owned()))?;
    let host = uri.authority().map(ToString::to_string).unwrap_or_default();
    let target = uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let following = async {
        let mut listener = TcpStream::connect(&host).await?;
        let get = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        listener.write_all(get.as_bytes()).await?;
        Ok::<_, std::io::Error>(listener)
    };
    let mut listener = following.await.map_err(io(Kind::Protocol, "cannot follow the redirect"))?;
    // The answer is awaited elsewhere: the listener gives it when the code has been exchanged.
    tokio::spawn(async move {
        let mut page = Vec::new();
        let _ = listener.read_to_end(&mut page).await;
    });
    Ok(())
}
