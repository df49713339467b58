//! The keepers of all apps that there are now. Apps are added, changed and removed by other
//! processes while this one runs.

use std::convert::Infallible;
use std::task::Poll;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{LocalBoxFuture, poll_fn};
use xpkce::Keeper;
use xpkce::keeper::Tending;

use crate::commands::Context;
use crate::config::ChosenApp;
use crate::failure::{Failure, Result};
use crate::vault::Vault;

/// How often it is looked whether the apps are other ones.
const LOOK: Duration = Duration::from_secs(2);

/// A keeper for each app.
pub(super) struct Keepers<'c> {
    context: &'c Context,
    /// The app that is kept alone.
    alone: Option<String>,
    vault: Vault,
    /// In the order of their names.
    kept: Vec<Kept>,
    /// Keepers of apps that are no more, until what they sent to X is saved.
    leaving: Vec<JoinHandle<()>>,
    /// Why the last look failed.
    trouble: Option<String>,
}

/// The keeper of one app, as the app was when it was made.
pub(super) struct Kept {
    pub(super) app: String,
    pub(super) keeper: Keeper,
    chosen: ChosenApp,
    keeping: LocalBoxFuture<'static, Infallible>,
}

/// What a look at the apps has found.
pub(super) struct Found {
    /// The apps that are kept from now on.
    pub(super) apps: Vec<String>,
    /// Why that is not all of them.
    pub(super) trouble: Option<Failure>,
}

impl<'c> Keepers<'c> {
    /// Makes a keeper of every app, or of the one that is to be kept alone.
    ///
    /// # Errors
    /// Where there is no app, or one of them has settings that no keeper can be made of.
    pub(super) async fn start(
        context: &'c Context,
        alone: Option<String>,
        tending: impl Fn(&str) -> Tending,
    ) -> Result<Self> {
        let settings = context.settings()?;
        let chosen = settings.apps_to_keep(alone.as_deref())?;
        let vault = Vault::open(&settings).await?;
        let kept = chosen.into_iter().map(|app| Kept::new(&vault, app, &tending));
        let mut kept: Vec<_> = kept.collect::<Result<_>>()?;
        kept.sort_by(|one, other| one.app.cmp(&other.app));
        Ok(Self { context, alone, vault, kept, leaving: Vec::new(), trouble: None })
    }

    pub(super) fn kept(&self) -> &[Kept] {
        &self.kept
    }

    /// Returns how the apps are called.
    pub(super) fn apps(&self) -> Vec<String> {
        self.kept.iter().map(|kept| kept.app.clone()).collect()
    }

    /// Keeps the logins of the apps as they are from time to time, and tells when those are others.
    pub(super) async fn keep(
        &mut self,
        tending: impl Fn(&str) -> Tending,
        found: impl Fn(Found),
    ) -> Infallible {
        loop {
            tokio::select! {
                never = all(&mut self.kept) => match never {},
                () = tokio::time::sleep(LOOK) => {}
            }
            if let Some(news) = self.look(&tending) {
                found(news);
            }
        }
    }

    /// Ends them, and blocks until what they sent to X is saved: who has been told to stop is not
    /// asked again.
    pub(super) fn leave(self) {
        drop(self.kept);
        for leaving in self.leaving {
            // One that panicked has nothing left to wait for.
            let _ = leaving.join();
        }
    }

    /// Takes up what has changed. Apps that cannot be read are kept as they were.
    fn look(&mut self, tending: &impl Fn(&str) -> Tending) -> Option<Found> {
        self.leaving.retain(|leaving| !leaving.is_finished());
        let mut has_changed = false;
        let trouble = self.take_up(tending, &mut has_changed).err();
        let told = trouble.as_ref().map(|why| why.message.clone());
        // The same trouble is told once.
        has_changed |= std::mem::replace(&mut self.trouble, told.clone()) != told;
        has_changed.then(|| Found { apps: self.apps(), trouble })
    }

    fn take_up(
        &mut self,
        tending: &impl Fn(&str) -> Tending,
        has_changed: &mut bool,
    ) -> Result<()> {
        let settings = self.context.settings()?;
        // What is named and not there, or all that there was, may come again.
        let chosen = settings.apps_to_keep(self.alone.as_deref()).unwrap_or_default();
        let is_gone = |kept: &mut Kept| !chosen.iter().any(|app| app.shown() == kept.app);
        for gone in self.kept.extract_if(.., is_gone) {
            *has_changed = true;
            self.leaving.extend(gone.leave());
        }
        let mut outcome = Ok(());
        for app in chosen.into_iter().filter(|app| !self.is_kept(app)).collect::<Vec<_>>() {
            match Kept::new(&self.vault, app, tending) {
                Ok(kept) => {
                    *has_changed = true;
                    self.put(kept);
                }
                Err(why) => outcome = Err(why),
            }
        }
        outcome
    }

    fn is_kept(&self, app: &ChosenApp) -> bool {
        self.kept.iter().any(|kept| kept.app == app.shown() && kept.chosen.is_kept_like(app))
    }

    /// Puts a keeper in its place among the others, or in that of the one before.
    fn put(&mut self, new: Kept) {
        match self.kept.binary_search_by(|kept| kept.app.cmp(&new.app)) {
            Ok(at) => {
                let old = std::mem::replace(&mut self.kept[at], new);
                self.leaving.extend(old.leave());
            }
            Err(at) => self.kept.insert(at, new),
        }
    }
}

impl Kept {
    fn new(vault: &Vault, chosen: ChosenApp, tending: &impl Fn(&str) -> Tending) -> Result<Self> {
        let keeper = vault.keeper(chosen.app(&vault.sealer)?)?;
        let (app, own) = (chosen.shown().to_owned(), keeper.clone());
        let tending = tending(&app);
        let keeping = async move { own.keep(&tending).await }.boxed_local();
        Ok(Self { app, keeper, chosen, keeping })
    }

    /// Begins nothing new, and waits elsewhere for what is under way.
    fn leave(self) -> Option<JoinHandle<()>> {
        drop(self.keeping);
        // Without a thread it is waited for here.
        thread::Builder::new().spawn(move || drop(self.keeper)).ok()
    }
}

/// Lets all of them work.
async fn all(kept: &mut [Kept]) -> Infallible {
    poll_fn(|cx| {
        for kept in kept.iter_mut() {
            if let Poll::Ready(never) = kept.keeping.poll_unpin(cx) {
                return Poll::Ready(never);
            }
        }
        Poll::Pending
    })
    .await
}
