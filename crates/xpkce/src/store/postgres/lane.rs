//! Updates that share a statement, and so a flush: while one is on its way, those that come are
//! gathered, and the next one takes them all. Each is judged on its own, and nobody is answered
//! before the commit has.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::failure::is_stopped;
use super::pools::Home;
use super::rows::{self, Columns, Draft};
use super::session::{Unanswered, ask_once, bounded, write};
use crate::grant::Account;
use crate::{Error, Reason, Result};

/// How many rows one statement writes at most.
const TOGETHER: usize = 256;

/// How long the next statement waits for the one before. A row that somebody has locked, or a
/// connection that hangs, holds up those that go with it and nobody else.
const TURN: Duration = Duration::from_millis(100);

/// The updates of one runtime that wait for their turn.
#[derive(Default)]
pub(super) struct Lane(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    updates: VecDeque<Update>,
    /// Whether a task sends them.
    is_driven: bool,
}

struct Update {
    draft: Draft,
    caller: oneshot::Sender<Result<bool>>,
}

impl Lane {
    /// Writes one row, and returns whether it was as expected.
    pub(super) async fn update(home: &Arc<Home>, draft: Draft) -> Result<bool> {
        let (caller, answer) = oneshot::channel();
        let is_driven = {
            let mut waiting = home.lane.waiting();
            waiting.updates.push_back(Update { draft, caller });
            std::mem::replace(&mut waiting.is_driven, true)
        };
        if !is_driven {
            tokio::spawn(drive(Arc::clone(home)));
        }
        answer.await.unwrap_or_else(|_| {
            Err(Error::new(Reason::Internal, "the task that writes to the store has ended"))
        })
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what may go together: in the order in which it came, one update of each row. What
    /// nobody waits for any more is not sent. Where nothing is left, nobody drives any more.
    fn take(&self) -> Vec<Update> {
        let mut waiting = self.waiting();
        let (mut taken, mut left) = (Vec::new(), VecDeque::new());
        let mut rows = HashSet::new();
        for update in waiting.updates.drain(..).filter(|update| !update.caller.is_closed()) {
            if taken.len() < TOGETHER && rows.insert(update.draft.account().clone()) {
                taken.push(update);
            } else {
                left.push_back(update);
            }
        }
        waiting.updates = left;
        waiting.is_driven = !taken.is_empty();
        taken
    }
}

/// Sends what waits, until nothing does. A statement that is past its turn goes on by itself.
async fn drive(home: Arc<Home>) {
    loop {
        let updates = home.lane.take();
        if updates.is_empty() {
            return;
        }
        let _ = timeout(TURN, tokio::spawn(commit(Arc::clone(&home), updates))).await;
    }
}

async fn commit(home: Arc<Home>, updates: Vec<Update>) {
    if updates.len() == 1 {
        return by_itself(&home, updates).await;
    }
    let drafts: Vec<_> = updates.iter().map(|update| &update.draft).collect();
    let columns = Columns::of(&drafts);
    match bounded(ask_once(&home, &columns.update())).await {
        Ok(rows) => {
            let written = rows.iter().map(rows::account).collect::<Result<HashSet<Account>>>();
            for Update { draft, caller } in updates {
                let is_done = written.as_ref().map(|written| written.contains(draft.account()));
                let _ = caller.send(is_done.map_err(Error::clone));
            }
        }
        // Nothing of it was written, for the sake of one of them perhaps. What was stopped has taken
        // its time already.
        Err(Unanswered::Undone(why)) if !is_stopped(&why) => by_itself(&home, updates).await,
        Err(why) => {
            let why = Error::from(why);
            for update in updates {
                let _ = update.caller.send(Err(why.clone()));
            }
        }
    }
}

/// Sends each in a statement of its own.
async fn by_itself(home: &Home, updates: Vec<Update>) {
    join_all(updates.into_iter().map(async |Update { draft, caller }| {
        let rows = write(home, &draft.write()).await;
        let _ = caller.send(rows.map(|rows| !rows.is_empty()));
    }))
    .await;
}
