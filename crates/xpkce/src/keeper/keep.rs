//! The queue of logins that are due for the keeper even if nobody asks for their tokens. Any number
//! of keepers that share a store work through it. The lease is the claim: whoever gets it does the
//! work.

use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};

use super::errand::{Omen, Tended};
use super::{Desk, Keeper, measure, random};
use crate::grant::Account;
use crate::store::Due;
use crate::{Error, Result, turns};

/// How a keeper works through its queue.
#[derive(Clone)]
pub struct Tending {
    concurrency: usize,
    report: Arc<dyn Fn(Report<'_>) + Send + Sync>,
}

/// What a keeper reports while it works.
#[non_exhaustive]
#[derive(Debug)]
pub enum Report<'a> {
    /// A login was worked on.
    Login(&'a Account, &'a Tended),
    /// The queue was worked off, or as far as X let it.
    Round(&'a Round),
    /// The queue could not be worked on at all; it is tried again after that long.
    Failed(&'a Error, Duration),
}

/// What one pass over the queue did.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Pairs that this keeper rotated.
    pub rotated: u64,
    /// Sign-outs that X confirmed.
    pub signed_out: u64,
    /// Logins that needed nothing any more, or that another keeper works or worked on.
    pub left: u64,
    /// Logins that failed.
    pub failed: u64,
    /// Pairs that a dead holder had received and that are saved now.
    pub recovered: u64,
    /// How long the queue now pauses, if it does, because X fails for many logins or refuses the
    /// app.
    pub held_for: Option<Duration>,
}

impl Tending {
    /// How many names are read at once.
    const PAGE: usize = 256;
    /// How long a keeper waits after a round, at most. A due minute is no longer.
    const PAUSE: Duration = Duration::from_secs(20);
    /// How long when the store fails, at most.
    const LONGEST_PAUSE: Duration = Duration::from_secs(300);

    /// Works on 32 logins at once and reports nothing.
    pub fn new() -> Self {
        Self { concurrency: 32, report: Arc::new(|_| ()) }
    }

    /// Works on this many logins at once, at least one.
    #[must_use]
    pub fn with_concurrency(mut self, most: usize) -> Self {
        self.concurrency = most.max(1);
        self
    }

    /// Sets what is told of each event as it happens.
    #[must_use]
    pub fn reporting(mut self, report: impl Fn(Report<'_>) + Send + Sync + 'static) -> Self {
        self.report = Arc::new(report);
        self
    }
}

impl Default for Tending {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Tending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tending").field("concurrency", &self.concurrency).finish_non_exhaustive()
    }
}

impl Keeper {
    /// Works through the queue for as long as the future is polled: refreshes logins in use before
    /// their tokens expire, keeps unused logins alive, settles doubts, and saves pairs that dead
    /// processes left behind.
    ///
    /// Any number of keepers may do so on one store. After the future is dropped nothing new is
    /// begun; what is under way goes on, and dropping the keeper waits for it.
    pub async fn keep(&self, tending: &Tending) -> std::convert::Infallible {
        let mut failures = 0_u32;
        loop {
            let pause = match self.keep_once(tending).await {
                Ok(round) => {
                    failures = 0;
                    round.held_for.unwrap_or_default().max(Tending::PAUSE)
                }
                Err(why) => {
                    failures = failures.saturating_add(1);
                    let longer = Tending::PAUSE.saturating_mul(1 << failures.min(16));
                    let pause = longer.min(Tending::LONGEST_PAUSE);
                    (tending.report)(Report::Failed(&why, pause));
                    pause
                }
            };
            turns::sleep(pause.mul_f64(chance())).await;
        }
    }

    /// Works through what is due now, and returns what was done.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store) when the queue cannot be read. A failure of one login is
    /// counted, and reported to [`Tending::reporting`].
    pub async fn keep_once(&self, tending: &Tending) -> Result<Round> {
        let mut round = Round { recovered: self.recover_all().await?, ..Round::default() };
        let outcome = self.work_off(tending, &mut round).await;
        outcome?;
        let now = self.desk().clock.uptime();
        let held = self.desk().brake().held_until(now).map(|until| until.saturating_sub(now));
        round.held_for = round.held_for.max(held);
        (tending.report)(Report::Round(&round));
        Ok(round)
    }

    async fn work_off(&self, tending: &Tending, round: &mut Round) -> Result<()> {
        let mut queue = Queue::new(self.desk());
        let mut running = FuturesUnordered::new();
        let mut stopped = Ok(());
        let mut is_stopped = false;
        loop {
            while !is_stopped && running.len() < self.desk().may_begin(tending.concurrency) {
                match queue.next().await {
                    Ok(Some(due)) => running.push(self.errand(due)),
                    Ok(None) => break,
                    Err(why) => {
                        (stopped, is_stopped) = (Err(why), true);
                    }
                }
            }
            let Some((account, epoch, tended)) = running.next().await else {
                return stopped;
            };
            self.desk().heed(tended.omen(), epoch);
            round.count(&tended);
            measure::tended(&tended);
            (tending.report)(Report::Login(&account, &tended));
            if let (Omen::Stop, Tended::Failed(why)) = (tended.omen(), &tended) {
                is_stopped = true;
                round.held_for = round.held_for.max(why.retry_after());
            }
        }
    }

    /// Begins to work on a login, at once: not when the answer is first asked for, which may be in
    /// a pause. It runs on the keeper's thread to its end, whatever becomes of the queue.
    fn errand(&self, due: Due) -> impl Future<Output = (Account, u64, Tended)> {
        let desk = Arc::clone(self.desk());
        let account = Account::new(desk.client.app().client_id(), &due.user);
        let epoch = desk.brake().epoch();
        let tended = self.run(async move { Ok(desk.run_errand(&due).await) });
        async move { (account, epoch, tended.await.unwrap_or_else(Tended::Failed)) }
    }

    async fn recover_all(&self) -> Result<u64> {
        let desk = Arc::clone(self.desk());
        self.run(async move { desk.recover_all().await }).await
    }
}

impl Round {
    fn count(&mut self, tended: &Tended) {
        match tended {
            Tended::Rotated(_) => self.rotated += 1,
            Tended::SignedOut => self.signed_out += 1,
            Tended::Left => self.left += 1,
            Tended::Failed(_) => self.failed += 1,
        }
    }
}

impl Desk {
    /// Returns how many logins of the queue may be worked on at once.
    fn may_begin(&self, most: usize) -> usize {
        self.brake().allows(self.clock.uptime(), most)
    }

    /// Takes what became of a login as a sign for the others.
    fn heed(&self, omen: Omen, epoch: u64) {
        let now = self.clock.uptime();
        let mut brake = self.brake();
        match omen {
            Omen::Well => brake.went_well(epoch),
            Omen::Failing if brake.failed(epoch, now, chance()) => {
                self.breaker.hold_until(brake.no_verdict_until());
                measure::paused();
                crate::contained(|| {
                    tracing::warn!("X fails for many logins; the queue goes on slowly");
                });
            }
            _ => {}
        }
    }

    fn brake(&self) -> turns::MutexGuard<'_, super::brake::Brake> {
        self.brake.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is due, page by page, each in an order of its own: two keepers that read the same page
/// begin at different ends of it.
struct Queue<'d> {
    desk: &'d Arc<Desk>,
    now: crate::Timestamp,
    page: Vec<Due>,
    after: Option<Due>,
    is_last: bool,
}

impl<'d> Queue<'d> {
    fn new(desk: &'d Arc<Desk>) -> Self {
        Self { desk, now: desk.now(), page: Vec::new(), after: None, is_last: false }
    }

    async fn next(&mut self) -> Result<Option<Due>> {
        if self.page.is_empty() && !self.is_last {
            let app = self.desk.client.app().client_id();
            let after = self.after.as_ref();
            self.page = self.desk.store.due(app, self.now, after, Tending::PAGE).await?;
            self.is_last = self.page.len() < Tending::PAGE;
            self.after = self.page.last().cloned();
            shuffle(&mut self.page)?;
        }
        Ok(self.page.pop())
    }
}

fn shuffle(page: &mut [Due]) -> Result<()> {
    for end in (1..page.len()).rev() {
        let [a, b, c, d, ..] = random()?;
        page.swap(end, u32::from_le_bytes([a, b, c, d]) as usize % (end + 1));
    }
    Ok(())
}

/// Returns a number from 0.5 to 1.
fn chance() -> f64 {
    let byte = random().map_or(u8::MAX, |bytes| bytes[0]);
    0.5 + f64::from(byte) / f64::from(u8::MAX) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_works_a_page_off_in_an_order_of_its_own_and_leaves_nobody_out() -> Result<()> {
        let page: Vec<_> = (0..256).map(|minute| Due { minute, user: String::new() }).collect();
        let (mut one, mut other) = (page.clone(), page.clone());
        shuffle(&mut one)?;
        shuffle(&mut other)?;
        assert_ne!(one, other);
        one.sort_by_key(|due| due.minute);
        assert_eq!(one, page);
        Ok(())
    }

    #[cfg(feature = "testing")]
    #[tokio::test]
    async fn a_login_is_worked_on_from_when_it_is_taken_from_the_queue() {
        let keeper = super::super::tests::keeper();
        let before = keeper.desk().brake().epoch();
        let errand = keeper.errand(Due { minute: 0, user: "nobody".to_owned() });
        let now = keeper.desk().clock.uptime();
        while !keeper.desk().brake().failed(before, now, 1.0) {}
        assert_eq!(errand.await.1, before, "it is begun in the pause");
    }

    #[cfg(feature = "testing")]
    #[test]
    fn what_goes_well_after_a_pause_lets_the_queue_go_faster() {
        let keeper = super::super::tests::keeper();
        let (desk, now) = (keeper.desk(), keeper.desk().clock.uptime());
        let heed = |omen| {
            let epoch = desk.brake().epoch();
            desk.heed(omen, epoch);
        };
        while desk.may_begin(32) > 0 {
            heed(Omen::Failing);
        }
        let pause_is_over = desk.brake().held_until(now).unwrap();
        let allowed = || desk.brake().allows(pause_is_over, 32);
        let probes = allowed();
        heed(Omen::None);
        assert_eq!(allowed(), probes);
        heed(Omen::Well);
        assert!(probes > 0 && allowed() > probes, "{probes}");
    }

    #[test]
    fn a_pause_is_cut_to_half_at_most_and_to_any_part_between() {
        let chances: Vec<_> = (0..2000).map(|_| chance()).collect();
        assert!(chances.iter().all(|chance| (0.5..=1.0).contains(chance)));
        for part in 5..10 {
            let part = f64::from(part) / 10.0;
            assert!(chances.iter().any(|it| (part..=part + 0.1).contains(it)), "none from {part}");
        }
    }
}
