//! The keeper, which never loses a login: it takes a lease before it spends a refresh token, and
//! saves the new pair durably before it does anything else. No cancelled caller and no other
//! process comes between the two, and after a crash the record says that the token may be spent.
//!
//! A [`Keeper`] keeps the grants of one app in one store, together with every other keeper on that
//! store, in this process or in others. A [`TokenSource`] hands out the access tokens of one grant.
//!
//! A *holder* is the process that has the lease of a grant. After it has sent the refresh token:
//!
//! | outcome | what happens |
//! |---|---|
//! | a pair came | it is written to a spill file, sealed, and saved by compare-and-swap on the generation; if the store fails, the file is synced, and the save is tried until it succeeds |
//! | nothing was sent | the record is as it was before; back off |
//! | it may have been sent | the same token is sent once more under the same lease; then the grant is `InDoubt`, with growing back-off |
//! | X says that the token is invalid | the record is read again; a pair that another holder saved is adopted, else the grant is `Rejected`, and `SignInNeeded` if X repeats it a minute later |
//! | 401, `invalid_client` | the app is misconfigured; the grant is untouched |
//! | 429 | wait for as long as X says |
//!
//! Refreshes run on the keeper's own thread, so they go on when a future is dropped, a caller is
//! cancelled or the caller's runtime ends. [`crate::grant::transition`] decides how a grant's state
//! changes.
//!
//! What happens is told to `tracing`, without a token: the events of a refresh lie in the span `spend`,
//! those of a sign-out in `sign_out`, each with `account` and `generation`. A wall clock that is
//! minutes from X's is told of at most once an hour. A subscriber that panics does no harm.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use self::app_back_off::AppBackOff;
use self::brake::Brake;
use self::breaker::Breaker;
use self::last_time::LastTime;
use self::patient::Patient;
use self::presence::Presence;
use self::slots::Slots;
use self::source::Slot;
use crate::client::Client;
use crate::grant::transition::Attempt;
use crate::grant::{Account, AttemptId, Holder, PairId};
use crate::seal::Sealer;
use crate::store::{Store, Stored};
use crate::turns::{self, JoinHandle, Mutex};
use crate::worker::Worker;
use crate::{Clock, Error, Reason, Result, Timestamp};

mod app_back_off;
mod brake;
mod breaker;
mod door;
mod entering;
mod errand;
mod failed;
mod feedback;
mod fresh;
mod in_use;
mod keep;
mod label;
mod land;
mod last_time;
mod late;
#[cfg(all(test, feature = "testing"))]
mod meanwhile;
mod measure;
mod pair;
mod parked;
mod patient;
#[cfg(all(test, feature = "testing"))]
mod pauses;
mod presence;
mod recall;
mod recover;
mod request;
mod reseal;
mod room;
#[cfg(all(test, feature = "testing"))]
mod schedules;
mod served;
mod settle;
mod sign_in;
mod sign_out;
mod skew;
mod slots;
mod source;
mod spend;
mod spill;
mod status;
mod taken;
mod tend;
mod told;
mod waiting;

pub use self::errand::Tended;
pub use self::fresh::fresh_token;
pub use self::in_use::{note_use, wants_note};
pub use self::keep::{Report, Round, Tending};
pub use self::parked::{park_login, take_login};
pub use self::reseal::{Resealed, reseal};
pub use self::served::TokenGuard;
pub use self::sign_in::SignedIn;
pub use self::sign_out::SignedOut;
pub use self::source::TokenSource;
pub use self::spill::spilled_keys;
pub use self::status::{Action, LoginStatus};
pub use self::waiting::{LeaseHolder, WaitingPair, waiting_pairs};

/// Keeps the grants of one app. Cheap to clone; all clones share one keeper.
///
/// Dropping the last clone blocks until refreshes that are under way have been saved, at most for
/// the deadlines of a request and of the store.
#[derive(Clone)]
pub struct Keeper(Arc<Running>);

/// The thread and what it works on. Dropped once, by whoever holds the last handle.
struct Running {
    worker: Worker,
    desk: Arc<Desk>,
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper").field("store", &self.0.desk.store).finish_non_exhaustive()
    }
}

impl Keeper {
    /// Makes a keeper for the client's app on a store, with the keys that open it, as
    /// [`seal::unlock`](crate::seal::unlock) returns them.
    ///
    /// In `folder` this process has a file that shows that it is alive, and keeps each pair until the
    /// store has it. The default is the folder `holders` beside the store's file. A store
    /// that has no file has no default: without a folder, the death of a process is only noticed
    /// when its lease runs out, and a pair that the store could not take is kept in memory alone.
    ///
    /// # Errors
    /// [`Reason::Internal`] when the system gives no thread or no random bytes.
    pub fn new(
        client: Client,
        store: Arc<dyn Store>,
        sealer: Arc<Sealer>,
        folder: Option<PathBuf>,
    ) -> Result<Self> {
        let folder = folder.or_else(|| store.folder().map(|own| own.join("holders")));
        let worker = Worker::start("xpkce-keeper").map_err(|why| {
            Error::new(Reason::Internal, "no thread for the keeper").with_source(why)
        })?;
        let desk = Desk {
            clock: Arc::clone(client.clock()),
            client,
            store: Arc::new(Patient(store)),
            sealer,
            folder,
            boot_id: boot_id(),
            presence: OnceLock::new(),
            entered_at: LastTime::default(),
            looked_at_all: LastTime::default(),
            told_of_skew_at: LastTime::default(),
            slots: Slots::default(),
            breaker: Breaker::default(),
            brake: Mutex::default(),
            app_back_off: Mutex::default(),
            closing: watch::Sender::new(false),
            background: Mutex::default(),
            labelling: Mutex::default(),
            spread: AttemptId::new(random()?).spread() * 2.0 - 1.0,
        };
        Ok(Self(Arc::new(Running { worker, desk: Arc::new(desk) })))
    }

    /// Returns the client whose app this keeper keeps.
    pub fn client(&self) -> &Client {
        &self.desk().client
    }

    /// Returns the source of one user's access tokens, by X's user id. That the user is not signed
    /// in is only reported when a token is asked for.
    pub fn token_source(&self, user: &str) -> TokenSource {
        let account = Account::new(self.desk().client.app().client_id(), user);
        let slot = self.desk().slot(&account);
        TokenSource::new(self.clone(), slot)
    }

    fn desk(&self) -> &Arc<Desk> {
        &self.0.desk
    }

    /// Runs a future on the keeper's thread to its end, whatever becomes of the caller.
    fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> impl Future<Output = Result<T>> {
        let done = self.0.worker.run(work);
        async { done.await? }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.desk.closing.send_replace(true);
        let desk = Arc::clone(&self.desk);
        // The worker, dropped next, waits for this as for every other task.
        drop(self.worker.run(async move { desk.finish_background().await }));
    }
}

/// What the keeper's work shares.
struct Desk {
    client: Client,
    store: Arc<dyn Store>,
    sealer: Arc<Sealer>,
    clock: Arc<dyn Clock>,
    folder: Option<PathBuf>,
    boot_id: String,
    presence: OnceLock<Presence>,
    /// When this process last tried to make its file.
    entered_at: LastTime,
    /// When this process last opened the files of all others.
    looked_at_all: LastTime,
    /// When it was last told that this machine's clock is far from X's.
    told_of_skew_at: LastTime,
    slots: Slots,
    breaker: Breaker,
    brake: Mutex<Brake>,
    app_back_off: Mutex<AppBackOff>,
    /// Whether the last handle is gone.
    closing: watch::Sender<bool>,
    /// Work that outlives the call that began it.
    background: Mutex<Vec<JoinHandle<()>>>,
    /// The sign-ins whose users this process finds out, or could not.
    labelling: Mutex<HashSet<Account>>,
    /// From 0 to 1: how late in the early window this keeper begins.
    spread: f64,
}

impl Desk {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn slot(&self, account: &Account) -> Arc<Slot> {
        self.slots.slot(account, self.clock.uptime())
    }

    /// Names a new attempt of this process, at an instant of the store's clock.
    fn attempt(&self, at: Timestamp) -> Result<Attempt> {
        let liveness = self.presence().map(|presence| presence.liveness().clone());
        let holder = Holder { boot_id: self.boot_id.clone(), pid: std::process::id(), liveness };
        Ok(Attempt { id: AttemptId::new(random()?), holder: Arc::new(holder), at })
    }

    /// Returns whether the holder of the lease must be waited for.
    fn holder_lives(&self, stored: &Stored) -> bool {
        let Some(lease) = &stored.grant.lease else {
            return false;
        };
        if stored.lease_left.is_zero() {
            return false;
        }
        let here = lease.holder.boot_id == self.boot_id;
        let judged = self.folder.as_deref().zip(lease.holder.liveness.as_ref());
        !judged.is_some_and(|(folder, holder)| here && presence::is_dead(folder, holder))
    }

    fn in_background(&self, task: JoinHandle<()>) {
        let mut tasks = self.background.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.retain(|task| !task.is_finished());
        tasks.push(task);
    }

    async fn finish_background(&self) {
        let tasks =
            std::mem::take(&mut *self.background.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            let _ = task.await;
        }
    }

    /// Returns whether the last handle is gone: what is begun now is not waited for.
    fn is_leaving(&self) -> bool {
        *self.closing.borrow()
    }

    /// Waits, until the last handle is gone at most. Returns whether it is not.
    async fn wait(&self, span: Duration) -> bool {
        tokio::select! {
            biased;
            () = self.left() => false,
            () = turns::sleep(span) => true,
        }
    }

    /// Waits until the last handle is gone.
    async fn left(&self) {
        // The desk keeps the sender, so there is no error.
        let _ = self.closing.subscribe().wait_for(|is_closing| *is_closing).await;
    }

    fn new_pair(&self) -> Result<PairId> {
        Ok(PairId::new(random()?))
    }
}

/// In a forked child: lets go of what only its parent may hold.
pub(crate) fn leave_to_parent() {
    presence::leave_to_parent();
}

fn random() -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    turns::fill(&mut bytes).map_err(|why| {
        Error::new(Reason::Internal, "the system gives no random bytes").with_source(why)
    })?;
    Ok(bytes)
}

/// Names this boot of the machine; an empty name where the system has none.
fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|id| id.trim().to_owned())
        .unwrap_or_default()
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures_util::FutureExt as _;
    use tokio::sync::oneshot;

    use super::*;
    use crate::http::{HttpClient, HttpRequest, HttpResponse, Pending, SendError};
    use crate::store::MemoryStore;
    use crate::{App, ManualClock};

    /// Nothing is asked of X here.
    #[derive(Debug)]
    struct Nobody;

    impl HttpClient for Nobody {
        fn send(&self, _: HttpRequest) -> Pending<'_, Result<HttpResponse, SendError>> {
            unreachable!("nobody asks")
        }
    }

    pub(super) fn keeper() -> Keeper {
        keeper_in(None)
    }

    pub(super) fn keeper_in(folder: Option<PathBuf>) -> Keeper {
        keeper_by(Arc::new(ManualClock::new(Timestamp::from_secs(0))), folder)
    }

    pub(super) fn keeper_by(clock: Arc<impl Clock + 'static>, folder: Option<PathBuf>) -> Keeper {
        let client = Client::new(App::public("app"), Arc::new(Nobody), clock.clone());
        let sealer = Sealer::from_text(&"A".repeat(43)).unwrap();
        let store = Arc::new(MemoryStore::new(clock));
        Keeper::new(client, store, Arc::new(sealer), folder).unwrap()
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_holder_is_of_the_boot_that_the_kernel_names() {
        // By another name, who lives on another machine would be taken for dead here.
        let named = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        assert_eq!(boot_id(), named.trim());
    }

    #[tokio::test]
    async fn the_end_waits_for_all_that_goes_on_in_the_background() {
        let keeper = keeper();
        let begin = || {
            let (done, ends) = oneshot::channel::<()>();
            keeper.desk().in_background(turns::spawn(async { drop(ends.await) }));
            done
        };
        let (first, second) = (begin(), begin());
        let mut end = std::pin::pin!(keeper.desk().finish_background());
        drop(second);
        tokio::task::yield_now().await;
        assert!(end.as_mut().now_or_never().is_none(), "the first goes on");
        drop(first);
        end.await;
    }
}
