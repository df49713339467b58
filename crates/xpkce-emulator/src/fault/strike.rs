//! The rules in force, and which of them strikes a request.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::fault::{Endpoint, Fault, FaultRule, Moment};
use crate::gather::{Gathering, Turn};

/// How many rules may be in force.
const LIMIT: usize = 1000;

/// The rules in force, oldest first; the oldest that applies strikes.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Armed>);

#[derive(Debug)]
struct Armed {
    rule: FaultRule,
    until: Option<Timestamp>,
    seen: u32,
    struck: u32,
    gathering: Option<Arc<Gathering>>,
}

/// A fault that strikes the request at hand.
#[derive(Debug)]
pub(crate) struct Struck {
    pub(crate) fault: Fault,
    pub(crate) moment: Moment,
    pub(crate) delay: Duration,
    pub(crate) outlives_client: bool,
    /// Taken at once: who is struck and hangs up has arrived all the same.
    pub(crate) turn: Option<Turn>,
}

/// What of a request decides whether a rule strikes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) endpoint: Endpoint,
    pub(crate) is_reused: bool,
    pub(crate) bearer_age: Option<Duration>,
}

impl Faults {
    /// Puts a rule in force and returns whether there was room for it.
    pub(crate) fn arm(&mut self, rule: FaultRule, now: Timestamp) -> bool {
        self.0.retain(|armed| !armed.is_over(now));
        if self.0.len() >= LIMIT {
            return false;
        }
        let until = rule.for_ms.map(|ms| now.plus(Duration::from_millis(ms)));
        let gathering = match rule.fault {
            Fault::Gather { count, winner } => Some(Arc::new(Gathering::new(count, winner))),
            _ => None,
        };
        let times = match &gathering {
            Some(gathering) => Some(u32::try_from(gathering.count()).unwrap_or(u32::MAX)),
            None => rule.times,
        };
        let rule = FaultRule { times, ..rule };
        self.0.push(Armed { rule, until, seen: 0, struck: 0, gathering });
        true
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn rules(&self, now: Timestamp) -> Vec<FaultRule> {
        let in_force = self.0.iter().filter(|armed| !armed.is_over(now));
        in_force.map(|armed| armed.rule.clone()).collect()
    }

    /// Returns the fault that strikes `target`, counting the request for every rule it concerns.
    pub(crate) fn strike(&mut self, target: Target, now: Timestamp) -> Option<Struck> {
        self.0.retain(|armed| !armed.is_over(now));
        let mut striking = None;
        for armed in &mut self.0 {
            if armed.concerns(target) && armed.count() && striking.is_none() {
                armed.struck += 1;
                striking = Some(armed.struck());
            }
        }
        striking
    }

    pub(crate) fn strike_callback(&mut self, now: Timestamp) -> Option<Struck> {
        let endpoint = Endpoint::Callback;
        self.strike(Target { endpoint, is_reused: false, bearer_age: None }, now)
    }
}

impl Armed {
    fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| now >= until)
            || self.rule.times.is_some_and(|times| self.struck >= times)
    }

    fn concerns(&self, target: Target) -> bool {
        if !self.rule.endpoint.covers(target.endpoint) {
            return false;
        }
        match &self.rule.fault {
            Fault::ResetReused => target.is_reused,
            fault => match fault.young() {
                Some(limit) => target.bearer_age.is_some_and(|age| age < limit),
                None => true,
            },
        }
    }

    /// Counts a request and returns whether it is one to strike.
    fn count(&mut self) -> bool {
        self.seen = self.seen.saturating_add(1);
        self.seen >= self.rule.nth && self.rule.times.is_none_or(|times| self.struck < times)
    }

    fn struck(&self) -> Struck {
        Struck {
            fault: self.rule.fault.clone(),
            moment: self.rule.moment,
            delay: Duration::from_millis(self.rule.delay_ms),
            outlives_client: self.rule.outlives_client,
            turn: self.gathering.as_ref().map(Gathering::arrive),
        }
    }
}

impl Endpoint {
    /// Returns whether a rule for `self` concerns a request at `other`.
    fn covers(self, other: Self) -> bool {
        self == other
            || (self == Self::Token && matches!(other, Self::Exchange | Self::Refresh))
            || (self == Self::Resource && other == Self::Whoami)
    }
}
