//! The running server and what a test may do to it.

mod browser;

use std::fmt;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::builder::EmulatorBuilder;
use crate::event::{Counters, Event};
use crate::fault::FaultRule;
use crate::mint::TokenKind;
use crate::quirks::{Lifetimes, Quirks};
use crate::seed::{AppSeed, UserSeed};
use crate::shared::Shared;
use crate::summary::Summary;
use crate::world::{OperateError, World};

pub use browser::AuthorizeRefused;

/// A running emulator. It serves on a thread and a runtime of its own, so it may be started from
/// async or plain code and outlives the runtime that started it; dropping it stops it.
pub struct Emulator {
    shared: Arc<Shared>,
    authorization_base_url: String,
    control_url: String,
    runtime: tokio::runtime::Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Emulator {
    /// Starts on a free port with the default apps and users; the first user approves everything.
    ///
    /// # Panics
    ///
    /// If no loopback port can be had. [`Emulator::builder`] reports that as an error instead.
    pub async fn start() -> Self {
        Self::builder().start().await.expect("a loopback port is free")
    }

    /// [`Emulator::start`] for code without an async runtime.
    ///
    /// # Panics
    ///
    /// As [`Emulator::start`].
    pub fn start_blocking() -> Self {
        Self::builder().start_blocking().expect("a loopback port is free")
    }

    /// Returns a builder with the same defaults as [`Emulator::start`].
    pub fn builder() -> EmulatorBuilder {
        EmulatorBuilder::default()
    }

    pub(crate) fn running(
        shared: Arc<Shared>,
        runtime: tokio::runtime::Handle,
        stop: oneshot::Sender<()>,
        thread: JoinHandle<()>,
    ) -> Self {
        Self {
            authorization_base_url: shared.authorization_base_url(),
            control_url: shared.control_url(),
            shared,
            runtime,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Returns `http://127.0.0.1:PORT`, the base of token, revoke and resource endpoints.
    pub fn base_url(&self) -> &str {
        &self.shared.base_url
    }

    /// Returns `http://127.0.0.1:PORT/i`, to which `/oauth2/authorize` is appended.
    pub fn authorization_base_url(&self) -> &str {
        &self.authorization_base_url
    }

    /// Returns `http://127.0.0.1:PORT/control`.
    pub fn control_url(&self) -> &str {
        &self.control_url
    }

    /// Returns everything a client needs to know, as the binary prints it with `--json`.
    pub fn summary(&self) -> Summary {
        Summary::of(&self.shared)
    }

    /// Returns the apps as they are now, in the order they were seeded.
    pub fn apps(&self) -> Vec<AppSeed> {
        self.shared.world().apps_in_order()
    }

    /// Returns the users.
    pub fn users(&self) -> Vec<UserSeed> {
        self.shared.world().users.clone()
    }

    /// Returns the first public app.
    ///
    /// # Panics
    ///
    /// If every app has been made confidential.
    pub fn public_app(&self) -> AppSeed {
        let app = self.apps().into_iter().find(|app| !app.is_confidential());
        app.expect("a public app is seeded by default")
    }

    /// Returns the first confidential app.
    ///
    /// # Panics
    ///
    /// If every app has been made public.
    pub fn confidential_app(&self) -> AppSeed {
        let app = self.apps().into_iter().find(AppSeed::is_confidential);
        app.expect("a confidential app is seeded by default")
    }

    /// Moves the virtual clock forward.
    pub fn advance(&self, by: Duration) {
        self.shared.world().advance(by);
    }

    /// Returns the virtual time in Unix seconds.
    pub fn now(&self) -> u64 {
        self.shared.world().now().seconds()
    }

    /// Returns the evidence log, oldest first: at most 10,000 events.
    pub fn events(&self) -> Vec<Event> {
        self.shared.world().events()
    }

    /// Returns all counters.
    pub fn counters(&self) -> Counters {
        self.shared.world().counters
    }

    /// Returns how many refresh tokens were rotated.
    pub fn refreshes(&self) -> usize {
        self.counters().refreshes
    }

    /// Returns how many codes were exchanged for a pair.
    pub fn exchanges(&self) -> usize {
        self.counters().exchanges
    }

    /// Returns how often a spent refresh token was presented again.
    pub fn replays(&self) -> usize {
        self.counters().replays
    }

    /// Returns how often a redeemed code was presented again.
    pub fn double_redeems(&self) -> usize {
        self.counters().double_redeems
    }

    /// Returns how many requests the token endpoint got, faulted ones included.
    pub fn token_requests(&self) -> usize {
        self.counters().token_requests
    }

    /// Returns how many requests `/2/users/me` got, faulted ones included.
    pub fn whoami_calls(&self) -> usize {
        self.counters().whoami_calls
    }

    /// Returns how many revocations were accepted.
    pub fn revocations(&self) -> usize {
        self.counters().revocations
    }

    /// Scripts a fault. Rules are tried in the order they were added.
    ///
    /// # Panics
    ///
    /// If it strikes nothing at its endpoint (a fault of the callback strikes there alone), or a
    /// thousand are in force already.
    pub fn fault(&self, rule: FaultRule) {
        self.operate(|world| world.arm(rule));
    }

    /// Removes every scripted fault.
    pub fn clear_faults(&self) {
        self.shared.world().faults.clear();
    }

    /// Returns the switches as they are.
    pub fn quirks(&self) -> Quirks {
        self.shared.world().quirks.clone()
    }

    /// Replaces the switches.
    pub fn set_quirks(&self, quirks: Quirks) {
        self.shared.world().quirks = quirks;
    }

    /// Replaces the lifetimes of credentials issued from now on.
    pub fn set_lifetimes(&self, lifetimes: Lifetimes) {
        self.shared.world().lifetimes = lifetimes;
    }

    /// Lets `username` approve every authorize request at once; none shows the consent page.
    ///
    /// # Panics
    ///
    /// If there is no such user.
    pub fn auto_approve(&self, username: Option<&str>) {
        self.operate(|world| world.set_auto_approve(username));
    }

    /// Registers a redirect URI, for example one with the port that a test listens on.
    ///
    /// # Panics
    ///
    /// If there is no such app, it has ten already, or X would refuse the URI. See
    /// [`Emulator::try_register_redirect`].
    pub fn register_redirect(&self, client_id: &str, uri: &str) {
        self.operate(|world| world.register_redirect(client_id, uri));
    }

    /// [`Emulator::register_redirect`] for URIs that may be refused.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the app or the URI.
    pub fn try_register_redirect(&self, client_id: &str, uri: &str) -> Result<(), OperateError> {
        self.shared.world().register_redirect(client_id, uri)
    }

    /// Kills all grants of a user, as X's connected-apps page does.
    ///
    /// # Panics
    ///
    /// If there is no such user.
    pub fn disconnect_app(&self, username: &str) {
        self.operate(|world| world.disconnect(username, None));
    }

    /// Suspends an app: its tokens die and it gets no new ones.
    ///
    /// # Panics
    ///
    /// If there is no such app.
    pub fn suspend_app(&self, client_id: &str) {
        self.operate(|world| world.suspend(client_id, true));
    }

    /// Lifts a suspension. The tokens stay dead.
    ///
    /// # Panics
    ///
    /// If there is no such app.
    pub fn reinstate_app(&self, client_id: &str) {
        self.operate(|world| world.suspend(client_id, false));
    }

    /// Replaces an app's secret and returns the new one; the old one is wrong at once.
    ///
    /// # Panics
    ///
    /// If there is no such app, or it is public.
    pub fn rotate_secret(&self, client_id: &str) -> String {
        self.operate(|world| world.rotate_secret(client_id))
    }

    /// Makes a public app confidential, or the other way round. Returns the secret, if it now has
    /// one.
    ///
    /// # Panics
    ///
    /// If there is no such app.
    pub fn flip_app_type(&self, client_id: &str) -> Option<String> {
        self.operate(|world| world.flip_type(client_id))
    }

    /// Lets a user's live tokens of one kind expire now.
    ///
    /// # Panics
    ///
    /// If there is no such user.
    pub fn expire(&self, username: &str, kind: TokenKind) {
        self.operate(|world| world.expire(username, kind));
    }

    fn operate<T>(&self, what: impl FnOnce(&mut World) -> Result<T, OperateError>) -> T {
        let done = what(&mut self.shared.world());
        done.unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in the thread has been reported there already.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator").field("base_url", &self.shared.base_url).finish_non_exhaustive()
    }
}
