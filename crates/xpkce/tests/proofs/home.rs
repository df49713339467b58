//! A home that processes share: a store, a key, a folder for holders, and X. The processes are this
//! test binary again, in the roles that the ignored tests play.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use xpkce::grant::Account;
use xpkce::http::{HttpClient, HyperClient};
use xpkce::seal::{KeySource, unlock};
use xpkce::store::{MemoryStore, PostgresStore, PostgresUri, SqliteStore, Store};
use xpkce::{
    App, Client, ClientSecret, Clock, Keeper, Scopes, SystemClock, Timestamp, TokenSource,
};
use xpkce_emulator::{AppSeed, Emulator};

use super::ahead::ServerAhead;
use super::server::{Server, server};
use super::silence::Silence;

/// The machine's clocks, set forward.
#[derive(Debug, Default)]
pub struct Ahead(AtomicU64);

impl Ahead {
    pub fn advance(&self, span: Duration) {
        self.0.fetch_add(span.as_secs(), Ordering::SeqCst);
    }

    pub fn span(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        SystemClock.now() + self.span()
    }

    fn uptime(&self) -> Duration {
        SystemClock.uptime() + self.span()
    }
}

/// What the processes of a home have logged.
const LOG: &str = "log";

/// Which store a home has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Memory,
    Sqlite,
    Postgres,
}

/// What a process must know to find the home.
#[derive(Clone, Debug)]
pub struct Place {
    pub folder: PathBuf,
    /// Where the processes of this machine show that they live.
    pub holders: PathBuf,
    /// The address of the PostgreSQL store, if it is one.
    pub postgres: Option<String>,
    pub base: String,
    pub client_id: String,
    /// The app's secret, if it is confidential.
    pub secret: Option<String>,
}

impl Place {
    pub async fn store(&self, clock: Arc<dyn Clock>) -> Arc<dyn Store> {
        match &self.postgres {
            Some(address) => {
                let server = PostgresStore::open(&PostgresUri::new(address)).await.unwrap();
                Arc::new(ServerAhead(server, clock))
            }
            None => {
                let path = self.folder.join("logins.db");
                Arc::new(SqliteStore::open_in_boot(path, "a boot", clock).await.unwrap())
            }
        }
    }

    pub async fn keeper(
        &self,
        store: Arc<dyn Store>,
        http: Arc<dyn HttpClient>,
        clock: Arc<dyn Clock>,
    ) -> Keeper {
        let app = match &self.secret {
            Some(secret) => App::confidential(&self.client_id, ClientSecret::new(secret.clone())),
            None => App::public(&self.client_id),
        };
        let app = app
            .with_scopes(Scopes::parse(Scopes::DEFAULT))
            .with_base_url(&self.base)
            .unwrap()
            .with_authorization_base_url(format!("{}/i", self.base))
            .unwrap();
        let key = KeySource::File(self.key());
        let keys = unlock(store.as_ref(), &key).await.unwrap();
        let client = Client::new(app, http, clock);
        Keeper::new(client, store, Arc::new(keys), Some(self.holders.clone())).unwrap()
    }

    pub fn key(&self) -> PathBuf {
        self.folder.join("key")
    }

    /// Starts this binary again in a role, with what that role asks for.
    pub fn process(&self, role: &str, asked: &[(&str, String)]) -> Child {
        Command::new(std::env::current_exe().unwrap())
            .args([role, "--exact", "--ignored", "--nocapture", "--quiet", "--test-threads=1"])
            .env("XPKCE_TEST_HOME", &self.folder)
            .env("XPKCE_TEST_HOLDERS", &self.holders)
            .env("XPKCE_TEST_BASE", &self.base)
            .env("XPKCE_TEST_CLIENT", &self.client_id)
            .envs(self.secret.iter().map(|secret| ("XPKCE_TEST_SECRET", secret)))
            .envs(self.postgres.iter().map(|address| ("XPKCE_TEST_POSTGRES", address)))
            .envs(asked.iter().cloned())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(self.log())
            .spawn()
            .unwrap()
    }

    /// Where the processes say what they log: one file, to which each adds.
    fn log(&self) -> Stdio {
        let log = self.folder.join(LOG);
        File::options().create(true).append(true).open(log).unwrap().into()
    }

    /// The same place, whose PostgreSQL server is reached by another port.
    pub fn by_port(&self, port: u16) -> Self {
        let (rest, database) = self.postgres.as_ref().unwrap().rsplit_once('/').unwrap();
        let host = rest.rsplit_once(':').unwrap().0;
        Self { postgres: Some(format!("{host}:{port}/{database}")), ..self.clone() }
    }

    /// The same place, seen from another machine: nobody there sees who lives here, or what lies
    /// beside the store. The key is the same one.
    pub fn on_machine(&self, name: &str) -> Self {
        Self { holders: self.folder.join(name), ..self.clone() }
    }

    /// The place that this process was started with. All that it logs is told to who started it.
    pub fn told() -> Self {
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(std::io::stderr)
            .init();
        Self {
            folder: asked("XPKCE_TEST_HOME").into(),
            holders: asked("XPKCE_TEST_HOLDERS").into(),
            postgres: std::env::var("XPKCE_TEST_POSTGRES").ok(),
            base: asked("XPKCE_TEST_BASE"),
            client_id: asked("XPKCE_TEST_CLIENT"),
            secret: std::env::var("XPKCE_TEST_SECRET").ok(),
        }
    }
}

pub fn asked(name: &str) -> String {
    std::env::var(name).expect("run by another test")
}

/// A home, seen by the test itself.
pub struct Home {
    pub x: Emulator,
    pub place: Place,
    pub clock: Arc<Ahead>,
    pub store: Arc<dyn Store>,
    /// Hears what this process says, and the ones that were started.
    pub silence: Silence,
    _folder: tempfile::TempDir,
}

impl Home {
    /// Of the public app.
    pub async fn new(kind: Kind) -> Self {
        Self::of(kind, Emulator::public_app).await
    }

    /// Of the app that has a secret.
    pub async fn confidential(kind: Kind) -> Self {
        Self::of(kind, Emulator::confidential_app).await
    }

    /// Of the public app, in a database of a server that is the test's own.
    pub async fn on(server: &Server) -> Self {
        Self::at(Kind::Postgres, Some(database(server).await), Emulator::public_app).await
    }

    async fn of(kind: Kind, app: fn(&Emulator) -> AppSeed) -> Self {
        let postgres = match kind {
            Kind::Postgres => Some(database(server()).await),
            Kind::Memory | Kind::Sqlite => None,
        };
        Self::at(kind, postgres, app).await
    }

    async fn at(kind: Kind, postgres: Option<String>, app: fn(&Emulator) -> AppSeed) -> Self {
        let silence = Silence::listen();
        let x = Emulator::start().await;
        let app = app(&x);
        let folder = tempfile::tempdir().unwrap();
        let place = Place {
            folder: folder.path().to_owned(),
            holders: folder.path().join("holders"),
            postgres,
            base: x.base_url().to_owned(),
            client_id: app.client_id,
            secret: app.client_secret,
        };
        let clock = Arc::new(Ahead::default());
        let store = match kind {
            Kind::Memory => Arc::new(MemoryStore::new(clock.clone())) as Arc<dyn Store>,
            Kind::Sqlite | Kind::Postgres => place.store(clock.clone()).await,
        };
        Self { x, place, clock, store, silence, _folder: folder }
    }

    /// Moves to where there is no store; [`open`](Self::open) makes one, if nobody has.
    pub async fn move_to_an_empty_place(&mut self) {
        self.place.folder.push("empty");
        self.place.holders = self.place.folder.join("holders");
        std::fs::create_dir(&self.place.folder).unwrap();
        if let Some(address) = &mut self.place.postgres {
            *address = database(server()).await;
        }
    }

    pub async fn open(&mut self) {
        self.store = self.place.store(self.clock.clone()).await;
    }

    /// Another keeper, as another process would have one.
    pub async fn keeper(&self) -> Keeper {
        let http = Arc::new(HyperClient::new());
        self.place.keeper(self.store.clone(), http, self.clock.clone()).await
    }

    /// A keeper on another store, as on a machine that knows nothing of this one.
    pub async fn elsewhere(&self) -> Keeper {
        let store = Arc::new(MemoryStore::new(self.clock.clone()));
        self.place.keeper(store, Arc::new(HyperClient::new()), self.clock.clone()).await
    }

    pub async fn sign_in(&self, keeper: &Keeper) -> TokenSource {
        let login = keeper.begin_login().unwrap();
        let callback = self.x.approve(login.url()).await;
        let signed_in = keeper.sign_in(login.approve(&callback).unwrap()).await.unwrap();
        keeper.token_source(&signed_in.account.user)
    }

    pub fn advance(&self, span: Duration) {
        self.x.advance(span);
        self.clock.advance(span);
    }

    /// Lets time pass for leases too: those of a server end by a clock that no test sets.
    pub async fn outlive(&self, span: Duration) {
        self.advance(span);
        if let Some(address) = &self.place.postgres {
            let earlier = span.as_millis();
            let sql = format!("UPDATE xpkce_grants SET lease_ends = lease_ends - {earlier}");
            execute(address, &sql).await.unwrap();
        }
    }

    /// Every login of the store.
    pub async fn accounts(&self) -> Vec<Account> {
        let stored = self.store.list(None, 100).await.unwrap();
        stored.into_iter().map(|stored| stored.grant.account.clone()).collect()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Ok(logged) = std::fs::read(self.place.folder.join(LOG)) {
            self.silence.overhear(&logged);
        }
    }
}

/// The address of a database of its own.
async fn database(server: &Server) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = format!("p{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let port = server.port;
    let all = format!("postgres://xpkce@127.0.0.1:{port}/postgres");
    execute(&all, &format!("CREATE DATABASE {name}")).await.unwrap();
    format!("postgres://xpkce@127.0.0.1:{port}/{name}")
}

/// Runs SQL behind the store's back.
pub async fn execute(address: &str, sql: &str) -> Result<(), tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(address, tokio_postgres::NoTls).await?;
    let connection = tokio::spawn(connection);
    client.batch_execute(sql).await?;
    drop(client);
    connection.await.unwrap()
}

/// Whether the long forms are wanted.
pub fn is_long() -> bool {
    std::env::var("XPKCE_PROOFS").is_ok_and(|size| size == "long")
}
