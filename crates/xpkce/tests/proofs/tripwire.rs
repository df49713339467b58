//! Seams that count what passes them, and kill the process at the step that was chosen.
//!
//! What a store keeps goes through [`Store`], and every byte to X through [`HttpClient`]. Of what is
//! written besides, to holders' files and that of the keys, and of a store as it is made, the library
//! tells itself.

use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use xpkce::grant::{Account, Grant, State};
use xpkce::http::{HttpClient, HttpRequest, HttpResponse, Pending, SendError};
use xpkce::seal::{KeyId, Sealed};
use xpkce::store::{Due, LeaseEnd, PendingLogin, Revision, Store, Stored, Swapped};
use xpkce::{Error, Reason, Result, Timestamp};

/// How many refusals mean a store that never works again.
pub const ALWAYS: usize = usize::MAX;

/// Counts the steps of a process, tells them, and ends it at one of them.
#[derive(Debug)]
pub struct Tripwire {
    passed: Mutex<usize>,
    /// The number or the name of the step that is the last one.
    kill_at: String,
    /// How many commits the store refuses.
    refusals: AtomicUsize,
}

impl Tripwire {
    pub fn new(kill_at: String, refusals: usize) -> Self {
        Self { passed: Mutex::default(), kill_at, refusals: refusals.into() }
    }

    /// Counts what goes through no seam, too.
    pub fn watch_steps(self: &Arc<Self>) {
        let wire = Arc::clone(self);
        xpkce::watch_steps(move |step| wire.pass(step));
    }

    fn pass(&self, step: &str) {
        let mut passed = self.passed.lock().unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "\nstep {step}").unwrap();
        out.flush().unwrap();
        if self.kill_at == step || self.kill_at == passed.to_string() {
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL)
                .unwrap();
            std::thread::park();
        }
        *passed += 1;
    }

    async fn around<T>(&self, step: &str, work: impl Future<Output = T>) -> T {
        self.pass(&format!("before {step}"));
        let done = work.await;
        self.pass(&format!("after {step}"));
        done
    }

    fn refuses(&self, grant: &Grant) -> bool {
        let is_commit = grant.state == State::Ready && grant.lease.is_none();
        is_commit
            && self
                .refusals
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| match left {
                    0 => None,
                    ALWAYS => Some(ALWAYS),
                    left => Some(left - 1),
                })
                .is_ok()
    }
}

/// A client whose requests are steps.
pub struct Wired<C>(pub C, pub Arc<Tripwire>);

impl<C: HttpClient> HttpClient for Wired<C> {
    fn send(&self, request: HttpRequest) -> Pending<'_, Result<HttpResponse, SendError>> {
        let step = format!("{} {}", request.method, request.url.path());
        Box::pin(async move { self.1.around(&step, self.0.send(request)).await })
    }
}

/// A store whose writes are steps.
#[derive(Debug)]
pub struct WiredStore(pub Arc<dyn Store>, pub Arc<Tripwire>);

impl Store for WiredStore {
    fn load<'a>(&'a self, account: &'a Account) -> Pending<'a, Result<Option<Stored>>> {
        self.0.load(account)
    }

    fn swap<'a>(
        &'a self,
        grant: &'a Grant,
        expected: Option<Revision>,
        lease: LeaseEnd,
    ) -> Pending<'a, Result<Swapped>> {
        let step = format!("saving {}", grant.state.name());
        Box::pin(async move {
            if self.1.refuses(grant) {
                let refused = async { Err(Error::new(Reason::Store, "told to refuse")) };
                return self.1.around(&format!("{step}, refused"), refused).await;
            }
            self.1.around(&step, self.0.swap(grant, expected, lease)).await
        })
    }

    fn relabel<'a>(
        &'a self,
        from: (&'a Account, Revision),
        grant: &'a Grant,
        expected: Option<Revision>,
    ) -> Pending<'a, Result<Swapped>> {
        Box::pin(self.1.around("labelling", self.0.relabel(from, grant, expected)))
    }

    fn list<'a>(
        &'a self,
        after: Option<&'a Account>,
        limit: usize,
    ) -> Pending<'a, Result<Vec<Stored>>> {
        self.0.list(after, limit)
    }

    fn due<'a>(
        &'a self,
        app: &'a str,
        now: Timestamp,
        after: Option<&'a Due>,
        limit: usize,
    ) -> Pending<'a, Result<Vec<Due>>> {
        self.0.due(app, now, after, limit)
    }

    fn next_sign_in(&self) -> Pending<'_, Result<u64>> {
        Box::pin(self.1.around("counting the sign-in", self.0.next_sign_in()))
    }

    fn put_login<'a>(&'a self, login: &'a PendingLogin, now: Timestamp) -> Pending<'a, Result<()>> {
        Box::pin(self.1.around("parking the sign-in", self.0.put_login(login, now)))
    }

    fn take_login<'a>(
        &'a self,
        key: &'a str,
        now: Timestamp,
    ) -> Pending<'a, Result<Option<Sealed>>> {
        Box::pin(self.1.around("taking the sign-in out", self.0.take_login(key, now)))
    }

    fn key_check<'a>(
        &'a self,
        proposed: Option<&'a Sealed>,
    ) -> Pending<'a, Result<Option<Sealed>>> {
        let check = self.0.key_check(proposed);
        if proposed.is_none() {
            return check;
        }
        Box::pin(self.1.around("saving the key check", check))
    }

    fn replace_key_check<'a>(
        &'a self,
        expected: &'a Sealed,
        check: &'a Sealed,
    ) -> Pending<'a, Result<bool>> {
        let replaced = self.0.replace_key_check(expected, check);
        Box::pin(self.1.around("replacing the key check", replaced))
    }

    fn login_keys(&self) -> Pending<'_, Result<Vec<KeyId>>> {
        self.0.login_keys()
    }

    fn folder(&self) -> Option<&Path> {
        self.0.folder()
    }
}
