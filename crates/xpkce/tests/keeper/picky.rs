//! A store that fails, hangs or changes where a test wants it to.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, OnceLock};

use xpkce::grant::{Account, Grant, State};
use xpkce::http::Pending;
use xpkce::seal::{KeyId, Sealed};
use xpkce::store::{Due, LeaseEnd, PendingLogin, Revision, Store, Stored, Swapped};
use xpkce::{Error, Reason, Result, Timestamp};

type Hook = Box<dyn FnOnce() + Send>;

/// One process's way to the store that all share.
pub struct Picky {
    store: Arc<dyn Store>,
    /// What has come in the place of that store, out of a backup.
    pub restored: OnceLock<Arc<dyn Store>>,
    /// How many labels it refuses.
    pub refused_labels: AtomicUsize,
    /// How many sign-ins it gives no number.
    pub refused_sign_ins: AtomicUsize,
    /// Whether it refuses to save what X answered; leases it grants all the same.
    pub refuses_answers: AtomicBool,
    /// How many answers it has refused.
    pub refusals: AtomicUsize,
    /// Whether it answers no question.
    pub refuses_reads: AtomicBool,
    /// How many writes it does and says that it has failed.
    pub lost_acknowledgements: AtomicUsize,
    /// How many writes it says that it has done, and has not: a server that took over has lost them.
    pub lost_writes: AtomicUsize,
    /// How many records were read.
    pub loads: AtomicUsize,
    /// How many swaps were tried.
    pub swaps: AtomicUsize,
    /// What happens before the nth read from now, counted from zero.
    before_load: Mutex<Option<(usize, Hook)>>,
}

impl Picky {
    pub fn new(store: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self {
            store,
            restored: OnceLock::new(),
            refused_labels: AtomicUsize::new(0),
            refused_sign_ins: AtomicUsize::new(0),
            refuses_answers: AtomicBool::new(false),
            refusals: AtomicUsize::new(0),
            refuses_reads: AtomicBool::new(false),
            lost_acknowledgements: AtomicUsize::new(0),
            lost_writes: AtomicUsize::new(0),
            loads: AtomicUsize::new(0),
            swaps: AtomicUsize::new(0),
            before_load: Mutex::default(),
        })
    }

    pub fn before_load(&self, nth: usize, hook: impl FnOnce() + Send + 'static) {
        *self.before_load.lock().unwrap() = Some((nth, Box::new(hook)));
    }

    fn there(&self) -> &dyn Store {
        self.restored.get().unwrap_or(&self.store).as_ref()
    }

    fn count_load(&self) {
        self.loads.fetch_add(1, SeqCst);
        let mut before = self.before_load.lock().unwrap();
        match before.take() {
            Some((0, hook)) => {
                drop(before);
                hook();
            }
            Some((nth, hook)) => *before = Some((nth - 1, hook)),
            None => {}
        }
    }

    fn refuses(&self, grant: &Grant) -> bool {
        let is_answer =
            matches!(grant.state, State::Ready | State::InDoubt) && grant.lease.is_none();
        let refuses = is_answer && self.refuses_answers.load(SeqCst);
        self.refusals.fetch_add(usize::from(refuses), SeqCst);
        refuses
    }
}

/// Takes one from what is left; false when nothing is.
fn take(left: &AtomicUsize) -> bool {
    left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok()
}

fn refused<'a, T: Send + 'a>() -> Pending<'a, Result<T>> {
    Box::pin(async { Err(Error::new(Reason::Store, "the store was told to refuse")) })
}

impl fmt::Debug for Picky {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Picky")
    }
}

impl Store for Picky {
    fn load<'a>(&'a self, account: &'a Account) -> Pending<'a, Result<Option<Stored>>> {
        self.count_load();
        if self.refuses_reads.load(SeqCst) {
            return refused();
        }
        self.there().load(account)
    }

    fn swap<'a>(
        &'a self,
        grant: &'a Grant,
        expected: Option<Revision>,
        lease: LeaseEnd,
    ) -> Pending<'a, Result<Swapped>> {
        self.swaps.fetch_add(1, SeqCst);
        if self.refuses(grant) {
            return refused();
        }
        if take(&self.lost_writes) {
            return Box::pin(async move { Ok(Swapped::Done(Revision::after(expected))) });
        }
        let done = self.there().swap(grant, expected, lease);
        if take(&self.lost_acknowledgements) {
            return Box::pin(async {
                done.await?;
                refused().await
            });
        }
        done
    }

    fn relabel<'a>(
        &'a self,
        from: (&'a Account, Revision),
        grant: &'a Grant,
        expected: Option<Revision>,
    ) -> Pending<'a, Result<Swapped>> {
        if take(&self.refused_labels) {
            return refused();
        }
        self.there().relabel(from, grant, expected)
    }

    fn list<'a>(
        &'a self,
        after: Option<&'a Account>,
        limit: usize,
    ) -> Pending<'a, Result<Vec<Stored>>> {
        self.there().list(after, limit)
    }

    fn due<'a>(
        &'a self,
        app: &'a str,
        now: Timestamp,
        after: Option<&'a Due>,
        limit: usize,
    ) -> Pending<'a, Result<Vec<Due>>> {
        if self.refuses_reads.load(SeqCst) {
            return refused();
        }
        self.there().due(app, now, after, limit)
    }

    fn next_sign_in(&self) -> Pending<'_, Result<u64>> {
        if take(&self.refused_sign_ins) {
            return refused();
        }
        self.there().next_sign_in()
    }

    fn put_login<'a>(&'a self, login: &'a PendingLogin, now: Timestamp) -> Pending<'a, Result<()>> {
        self.there().put_login(login, now)
    }

    fn take_login<'a>(
        &'a self,
        key: &'a str,
        now: Timestamp,
    ) -> Pending<'a, Result<Option<Sealed>>> {
        self.there().take_login(key, now)
    }

    fn key_check<'a>(
        &'a self,
        proposed: Option<&'a Sealed>,
    ) -> Pending<'a, Result<Option<Sealed>>> {
        self.there().key_check(proposed)
    }

    fn replace_key_check<'a>(
        &'a self,
        expected: &'a Sealed,
        check: &'a Sealed,
    ) -> Pending<'a, Result<bool>> {
        self.there().replace_key_check(expected, check)
    }

    fn login_keys(&self) -> Pending<'_, Result<Vec<KeyId>>> {
        self.there().login_keys()
    }

    fn folder(&self) -> Option<&Path> {
        self.there().folder()
    }
}
