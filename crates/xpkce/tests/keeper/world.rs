//! An emulator, a clock that moves with it, and a store that keepers share as processes would.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use xpkce::grant::{Account, Grant, State};
use xpkce::http::HyperClient;
use xpkce::seal::Sealer;
use xpkce::store::{MemoryStore, Store};
use xpkce::{
    App, Client, ClientSecret, Clock, Keeper, ManualClock, RefreshToken, Scopes, Timestamp,
    TokenSource,
};
use xpkce_emulator::{AppSeed, Emulator, Endpoint, Fault, FaultRule, Problem, UserSeed};

use super::silence::Silence;

pub const SCOPES: &str = "tweet.read users.read offline.access";
/// A little more than an access token's life.
pub const A_LIFE: Duration = Duration::from_secs(7201);

pub struct World {
    pub x: Emulator,
    pub clock: Arc<ManualClock>,
    pub store: Arc<MemoryStore>,
    pub folder: tempfile::TempDir,
    #[allow(dead_code, reason = "it listens until it is dropped; who measures asks it as well")]
    pub silence: Silence,
    sealer: Arc<Sealer>,
}

/// What a keeper has of its own, as a process on some machine has.
pub struct Process {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub sealer: Arc<Sealer>,
    pub folder: PathBuf,
    /// Where it looks for X.
    pub base_url: String,
}

impl World {
    pub async fn start() -> Self {
        Self::with_users(0).await
    }

    /// Starts while no other test listens, to look for something in the log.
    pub async fn start_alone() -> Self {
        Self::begin(Silence::listen_alone(), 0).await
    }

    /// Starts with so many users more than the emulator has by itself.
    pub async fn with_users(more: usize) -> Self {
        Self::begin(Silence::listen(), more).await
    }

    async fn begin(silence: Silence, more: usize) -> Self {
        let x = Emulator::builder().auto_approve_first().frozen_clock();
        let user = |nth| UserSeed::new(&format!("7{nth:06}"), "Some One", &format!("user_{nth}"));
        let x = (0..more).fold(x, |x, nth| x.user(user(nth))).start().await.unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp::from_secs(x.now() as i64)));
        Self {
            store: Arc::new(MemoryStore::new(clock.clone())),
            clock,
            folder: tempfile::tempdir().unwrap(),
            sealer: Arc::new(Sealer::from_text(KEY).unwrap()),
            silence,
            x,
        }
    }

    /// Starts another process's keeper of the public app.
    pub fn keeper(&self) -> Keeper {
        self.keeper_of(&self.x.public_app(), self.store.clone(), SCOPES)
    }

    pub fn keeper_of(&self, app: &AppSeed, store: Arc<dyn Store>, scopes: &str) -> Keeper {
        self.keeper_in(Process { store, ..self.process() }, app, scopes)
    }

    /// Describes a process of this machine.
    pub fn process(&self) -> Process {
        Process {
            store: self.store.clone(),
            clock: self.clock.clone(),
            sealer: self.sealer.clone(),
            folder: self.folder.path().to_owned(),
            base_url: self.x.base_url().to_owned(),
        }
    }

    /// Starts a keeper of the public app in a process.
    pub fn start_in(&self, process: Process) -> Keeper {
        self.keeper_in(process, &self.x.public_app(), SCOPES)
    }

    /// Starts a keeper of the public app that goes by its own way to the store.
    pub fn start_on(&self, store: Arc<dyn Store>) -> Keeper {
        self.start_in(Process { store, ..self.process() })
    }

    fn keeper_in(&self, process: Process, app: &AppSeed, scopes: &str) -> Keeper {
        let app = match &app.client_secret {
            Some(secret) => App::confidential(&app.client_id, ClientSecret::new(secret.clone())),
            None => App::public(&app.client_id),
        };
        let app = app
            .with_scopes(scopes.parse::<Scopes>().unwrap())
            .with_base_url(process.base_url)
            .unwrap()
            .with_authorization_base_url(self.x.authorization_base_url())
            .unwrap();
        let http = Arc::new(HyperClient::new());
        let client = Client::new(app, http, process.clock);
        Keeper::new(client, process.store, process.sealer, Some(process.folder)).unwrap()
    }

    /// Signs the first user in.
    pub async fn sign_in(&self, keeper: &Keeper) -> TokenSource {
        self.sign_in_as(keeper, 0).await
    }

    /// Signs the emulator's nth user in.
    pub async fn sign_in_as(&self, keeper: &Keeper, nth: usize) -> TokenSource {
        let login = keeper.begin_login().unwrap();
        let username = self.x.users()[nth].username.clone();
        let callback = self.x.approve_as(login.url(), &username).await;
        let signed_in = keeper.sign_in(login.approve(&callback).unwrap()).await.unwrap();
        keeper.token_source(&signed_in.account.user)
    }

    /// Signs the first user in, whose name X does not tell.
    pub async fn sign_in_unlabelled(&self, keeper: &Keeper) -> TokenSource {
        let refused = Fault::Problem { problem: Problem::Forbidden };
        self.x.fault(FaultRule::new(Endpoint::Whoami, refused));
        let source = self.sign_in(keeper).await;
        assert!(source.account().is_unlabelled());
        source
    }

    /// Waits for what a keeper does by itself.
    pub async fn eventually<F: Future<Output = bool>>(&self, mut is_so: impl FnMut() -> F) {
        let waiting = async {
            while !is_so().await {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("it never came to be");
    }

    /// Moves every clock there is.
    pub fn advance(&self, span: Duration) {
        self.x.advance(span);
        self.clock.advance(span);
    }

    pub fn now(&self) -> Timestamp {
        use xpkce::Clock as _;
        self.clock.now()
    }

    pub async fn grant(&self, source: &TokenSource) -> Grant {
        Grant::clone(&self.store.load(source.account()).await.unwrap().unwrap().grant)
    }

    pub async fn state(&self, source: &TokenSource) -> State {
        self.grant(source).await.state
    }

    pub async fn grant_of(&self, account: &Account) -> Option<Grant> {
        self.store.load(account).await.unwrap().map(|stored| Grant::clone(&stored.grant))
    }

    pub fn on_refresh(&self, fault: Fault) -> FaultRule {
        FaultRule::new(Endpoint::Refresh, fault)
    }

    /// Begins a call that refreshes, and returns once X has its request and holds the answer back.
    pub async fn hold<T>(&self, call: &mut std::pin::Pin<Box<impl Future<Output = T>>>) {
        self.x.fault(self.on_refresh(Fault::Gather { count: 2, winner: 1 }).times(2));
        self.begun(call).await;
    }

    /// Begins a call, and returns once X has its request.
    pub async fn begun<T>(&self, call: &mut std::pin::Pin<Box<impl Future<Output = T>>>) {
        let asked = self.x.token_requests();
        let begun = std::future::poll_fn(|cx| std::task::Poll::Ready(call.as_mut().poll(cx))).await;
        assert!(begun.is_pending(), "the call is over already");
        let arrived = async {
            while self.x.token_requests() == asked {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), arrived).await.expect("no request came");
    }

    /// Lets X answer what it holds back, by a second request that means nothing.
    pub async fn release(&self, keeper: &Keeper) {
        let _ = keeper.client().refresh(&RefreshToken::new("fake-refresh-token")).await;
    }
}

/// 32 bytes that nobody should use.
pub const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
