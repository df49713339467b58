//! Everything the emulator knows, behind one lock: apps, users, codes, grants, tokens, evidence.
//!
//! One lock is what makes a refresh atomic: of two parallel requests exactly one wins.

mod approve;
mod authenticate;
mod bearer;
mod exchange;
mod operate;
mod refresh;
mod revoke;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use crate::call::Call;
use crate::clock::{Clock, Timestamp};
use crate::event::{Counters, Event, EventKind, EventLog};
use crate::fault::{FaultRule, Faults};
use crate::grant::{Code, Grant, Issued, Pair, Standing};
use crate::mint::{self, TokenKey, TokenKind};
use crate::post::Posts;
use crate::quirks::{Lifetimes, Quirks};
use crate::rate::Windows;
use crate::scope;
use crate::seed::{AppSeed, UserSeed};

pub(crate) use approve::{Page, Verdict};
pub(crate) use authenticate::Basic;
pub(crate) use bearer::{Bearer, Refusal};
pub use operate::OperateError;

/// How many tokens and codes are remembered; beyond that the oldest are unknown.
const MEMORY: usize = 200_000;

pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) quirks: Quirks,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) apps: BTreeMap<String, AppSeed>,
    /// The order in which apps were seeded.
    pub(crate) app_order: Vec<String>,
    pub(crate) users: Vec<UserSeed>,
    pub(crate) auto_approve: Option<String>,
    pub(crate) faults: Faults,
    pub(crate) counters: Counters,
    pub(crate) windows: Windows,
    pub(crate) app_bearers: BTreeMap<String, String>,
    pub(crate) posts: Posts,
    pages: VecDeque<Page>,
    codes: Remembered<Code>,
    tokens: Remembered<Issued>,
    grants: HashMap<u64, Grant>,
    next_grant: u64,
    log: EventLog,
}

/// What a call is remembered by: the answer's transaction id and the client's address.
#[derive(Clone, Debug, Default)]
pub(crate) struct Witness {
    transaction_id: Option<String>,
    peer: Option<String>,
}

impl From<&Call> for Witness {
    fn from(call: &Call) -> Self {
        Self {
            transaction_id: Some(call.transaction_id.clone()),
            peer: call.peer.map(|peer| peer.to_string()),
        }
    }
}

impl World {
    pub(crate) fn new(clock: Clock, quirks: Quirks, lifetimes: Lifetimes) -> Self {
        Self {
            clock,
            quirks,
            lifetimes,
            apps: BTreeMap::new(),
            app_order: Vec::new(),
            users: Vec::new(),
            auto_approve: None,
            faults: Faults::default(),
            counters: Counters::default(),
            windows: Windows::default(),
            app_bearers: BTreeMap::new(),
            posts: Posts::default(),
            pages: VecDeque::new(),
            codes: Remembered::new(MEMORY, |_| false),
            tokens: Remembered::new(MEMORY, |token| matches!(token.standing, Standing::Live)),
            grants: HashMap::new(),
            next_grant: 1,
            log: EventLog::default(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn user_named(&self, username: &str) -> Option<&UserSeed> {
        self.users.iter().find(|user| user.username.eq_ignore_ascii_case(username))
    }

    pub(crate) fn user(&self, id: &str) -> Option<&UserSeed> {
        self.users.iter().find(|user| user.id == id)
    }

    /// Returns the faults in force.
    pub(crate) fn fault_rules(&self) -> Vec<FaultRule> {
        self.faults.rules(self.now())
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.log.to_vec()
    }

    pub(crate) fn record(&mut self, witness: &Witness, mut event: Event) {
        event.transaction_id.clone_from(&witness.transaction_id);
        event.peer.clone_from(&witness.peer);
        self.log.write(self.clock.now(), event);
    }

    /// Records an event about a grant: app, user and generation are filled in.
    fn record_grant(&mut self, witness: &Witness, grant: u64, event: Event) {
        let event = match self.grants.get(&grant) {
            Some(grant) => {
                let username = self.user(&grant.user_id).map(|user| user.username.as_str());
                event
                    .client(&grant.client_id)
                    .user(username.unwrap_or_default())
                    .generation(grant.generation)
            }
            None => event,
        };
        self.record(witness, event);
    }

    /// Issues the pair of the grant's present generation.
    fn issue(&mut self, id: u64, began: Timestamp) -> Pair {
        let now = self.now();
        let access_lives = self.lifetimes.access_in_truth.unwrap_or(self.lifetimes.access);
        let refresh_from = if self.quirks.refresh_lifetime_slides { now } else { began };
        let scopes = self.grants.get(&id).map(|grant| grant.scopes.clone()).unwrap_or_default();
        let access = self.remember(id, TokenKind::Access, now.plus(seconds(access_lives)));
        let refresh = scopes.iter().any(|scope| scope == scope::OFFLINE_ACCESS).then(|| {
            let expires = refresh_from.plus(seconds(self.lifetimes.refresh));
            self.remember(id, TokenKind::Refresh, expires)
        });
        self.let_ended_go(id, now);
        if let Some(grant) = self.grants.get_mut(&id) {
            grant.access.push(TokenKey::of(&access));
            grant.refresh = refresh.as_deref().map(TokenKey::of);
        }
        Pair { access, refresh, scopes, expires_in: self.lifetimes.access }
    }

    /// Under E1 old access tokens pile up: those that time has killed need no keeping.
    fn let_ended_go(&mut self, id: u64, now: Timestamp) {
        let Some(grant) = self.grants.get_mut(&id) else { return };
        let is_over =
            |key: &mut TokenKey| self.tokens.find(*key).is_none_or(|it| it.flaw(now).is_some());
        let ended: Vec<_> = grant.access.extract_if(.., is_over).collect();
        for key in ended {
            self.put_down(key, "expired");
        }
    }

    fn remember(&mut self, grant: u64, kind: TokenKind, expires: Timestamp) -> String {
        let issued = self.now();
        let token = mint::token(kind, issued);
        let record = Issued { kind, grant, issued, expires, standing: Standing::Live };
        self.tokens.put(TokenKey::of(&token), record);
        token
    }

    /// Kills every live token of a grant.
    fn kill(&mut self, id: u64, why: &'static str) {
        let Some(grant) = self.grants.get_mut(&id) else { return };
        let mut keys = std::mem::take(&mut grant.access);
        keys.extend(grant.refresh.take());
        for key in keys {
            self.put_down(key, why);
        }
    }

    /// [`World::kill`], written down if anything was alive.
    fn kill_family(&mut self, witness: &Witness, id: u64, why: &'static str) {
        if self.grants.get(&id).is_some_and(Grant::is_live) {
            self.kill(id, why);
            self.record_grant(witness, id, Event::new(EventKind::FamilyKilled).reason(why));
        }
    }

    /// Marks one token dead, unless it already is or is spent.
    fn put_down(&mut self, key: TokenKey, why: &'static str) {
        if let Some(token) = self.tokens.find_mut(key)
            && matches!(token.standing, Standing::Live)
        {
            token.standing = Standing::Dead(why);
        }
    }

    /// Returns the grants that still have a live token, by app or user where given.
    fn live_grants(&self, client_id: Option<&str>, user_id: Option<&str>) -> Vec<u64> {
        let is_meant = |grant: &Grant| {
            grant.is_live()
                && client_id.is_none_or(|id| id == grant.client_id)
                && user_id.is_none_or(|id| id == grant.user_id)
        };
        self.grants.iter().filter(|(_, grant)| is_meant(grant)).map(|(id, _)| *id).collect()
    }

    fn refused(&mut self, witness: &Witness, kind: EventKind, key: TokenKey, why: &'static str) {
        let grant = self.tokens.find(key).map_or(0, |token| token.grant);
        let event = Event::new(kind).token(key.fingerprint()).reason(why);
        self.record_grant(witness, grant, event);
    }
}

/// A table that forgets its oldest entries.
#[derive(Debug)]
pub(crate) struct Remembered<T> {
    entries: HashMap<TokenKey, T>,
    order: VecDeque<TokenKey>,
    capacity: usize,
    is_needed: fn(&T) -> bool,
}

impl<T> Remembered<T> {
    fn new(capacity: usize, is_needed: fn(&T) -> bool) -> Self {
        Self { entries: HashMap::new(), order: VecDeque::new(), capacity, is_needed }
    }

    pub(crate) fn put(&mut self, key: TokenKey, entry: T) {
        if self.order.len() >= self.capacity {
            self.forget_one();
        }
        self.order.push_back(key);
        self.entries.insert(key, entry);
    }

    pub(crate) fn find(&self, key: TokenKey) -> Option<&T> {
        self.entries.get(&key)
    }

    pub(crate) fn find_mut(&mut self, key: TokenKey) -> Option<&mut T> {
        self.entries.get_mut(&key)
    }

    /// Drops the oldest entry that is not needed, looking at a bounded number of them.
    fn forget_one(&mut self) {
        for _ in 0..64 {
            let Some(oldest) = self.order.pop_front() else { return };
            match self.entries.get(&oldest) {
                Some(entry) if (self.is_needed)(entry) => self.order.push_back(oldest),
                _ => {
                    self.entries.remove(&oldest);
                    return;
                }
            }
        }
    }

    /// Moves an entry to another key.
    fn rename(&mut self, old: TokenKey, new: TokenKey) {
        if let Some(entry) = self.entries.remove(&old) {
            self.put(new, entry);
        }
    }
}

pub(crate) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_access_token_that_time_has_killed_is_not_remembered_for_ever() {
        let mut world = World::new(Clock::frozen(), Quirks::default(), Lifetimes::default());
        let grant = Grant {
            client_id: "client".to_owned(),
            user_id: "user".to_owned(),
            scopes: Vec::new(),
            generation: 1,
            began: world.now(),
            access: Vec::new(),
            refresh: None,
        };
        world.grants.insert(1, grant);
        let first = world.issue(1, world.now()).access;
        world.clock.advance(seconds(world.lifetimes.access));
        world.issue(1, world.now());
        let first = world.tokens.find(TokenKey::of(&first)).unwrap();
        assert!(!(world.tokens.is_needed)(first));
    }
}
