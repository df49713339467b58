//! Who is killed, and what is found afterwards.

use std::io::Read as _;
use std::process::Child;
use std::time::Duration;

use xpkce::grant::Death;
use xpkce::{ErrorKind, Keeper, TokenSource};

use super::super::crash::refresh;
use super::super::home::{Home, Place};
use super::peer::{Disk, Forks, Pair};

/// Who keeps the login.
#[derive(Clone, Debug)]
pub enum Who {
    Xpkce,
    /// X's own Python class, and how its token is saved after each refresh.
    Xdk {
        python: String,
        manner: &'static str,
    },
    /// The command of `xurl-rs`.
    Xr {
        program: String,
    },
}

impl Who {
    pub fn name(&self) -> String {
        match self {
            Self::Xpkce => "xpkce".to_owned(),
            Self::Xdk { manner, .. } => format!("xdk 0.10.6, saved {manner}"),
            Self::Xr { .. } => "xurl-rs 4.5.1".to_owned(),
        }
    }

    /// Returns whether the program said that it had X's answer. One of them says nothing.
    pub fn has_answer(&self, told: &str) -> bool {
        match self {
            Self::Xpkce => told.contains("step after POST /2/oauth2/token"),
            Self::Xdk { .. } => told.contains("answered"),
            Self::Xr { .. } => false,
        }
    }

    /// Returns whether the program said that the pair is on disk; ours spills it before it saves.
    pub fn has_saved(&self, told: &str) -> bool {
        match self {
            Self::Xpkce => told.contains("step before saving ready"),
            Self::Xdk { .. } => told.contains("done"),
            Self::Xr { .. } => told.contains("ended well"),
        }
    }
}

/// What became of the login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Alive,
    Ended { is_explained: bool },
}

impl Found {
    pub fn is_alive(self) -> bool {
        self == Self::Alive
    }
}

/// One login, and those who spend it.
pub struct Victim {
    who: Who,
    keeper: Keeper,
    source: Option<TokenSource>,
    disk: Disk,
    forks: Option<Forks>,
}

impl Victim {
    pub async fn new(who: &Who, home: &Home) -> Self {
        let disk = Disk::new(&home.place);
        let forks = match who {
            Who::Xdk { python, manner } => Some(Forks::new(&home.place, &disk, python, manner)),
            Who::Xpkce | Who::Xr { .. } => None,
        };
        let keeper = home.keeper().await;
        let mut victim = Self { who: who.clone(), keeper, source: None, disk, forks };
        victim.sign_in(home).await;
        victim
    }

    pub async fn sign_in(&mut self, home: &Home) {
        if matches!(self.who, Who::Xpkce) {
            self.source = Some(home.sign_in(&self.keeper).await);
            return;
        }
        let login = self.keeper.begin_login().unwrap();
        let callback = home.x.approve(login.url()).await;
        let approval = login.approve(&callback).unwrap();
        let rotated = self.keeper.client().redeem(approval).await.unwrap();
        self.save(&home.place, &Pair::of(&rotated));
    }

    /// Starts to refresh, in `count` processes at once.
    pub fn start(&mut self, place: &Place, count: usize) -> Vec<Running<'_>> {
        match (&self.who, &mut self.forks) {
            (Who::Xpkce, _) => {
                let user = self.source.as_ref().unwrap().account().user.clone();
                (0..count).map(|_| Running::Own(refresh(place, &user, None))).collect()
            }
            (Who::Xr { program }, _) => {
                let start = || self.disk.command(place, program).spawn().unwrap();
                (0..count).map(|_| Running::Own(start())).collect()
            }
            (Who::Xdk { .. }, Some(forks)) => {
                forks.fork();
                vec![Running::Forked(forks)]
            }
            (Who::Xdk { .. }, None) => unreachable!(),
        }
    }

    /// Looks for the login as the next process would, with whatever is on disk.
    pub async fn find(&mut self, home: &Home) -> Found {
        if let Some(source) = &self.source {
            return find_ours(home, source).await;
        }
        for token in self.disk.refresh_tokens() {
            if let Some(pair) = Pair::bought_with(&self.keeper, token).await {
                self.save(&home.place, &pair);
                return Found::Alive;
            }
        }
        Found::Ended { is_explained: false }
    }

    fn save(&self, place: &Place, pair: &Pair) {
        match self.who {
            Who::Xr { .. } => self.disk.save_yaml(place, pair),
            _ => self.disk.save_json(pair),
        }
    }
}

/// A process at work.
pub enum Running<'a> {
    Own(Child),
    Forked(&'a mut Forks),
}

impl Running<'_> {
    pub fn kill(&mut self) {
        match self {
            Self::Own(process) => process.kill().unwrap(),
            Self::Forked(forks) => forks.kill(),
        }
    }

    /// Waits until it is gone, and returns what it has said.
    pub fn hear(self) -> String {
        match self {
            Self::Own(mut process) => {
                let mut told = String::new();
                process.stdout.take().unwrap().read_to_string(&mut told).unwrap();
                let is_well = process.wait().unwrap().success();
                told + if is_well { "\nended well" } else { "" }
            }
            Self::Forked(forks) => forks.hear(),
        }
    }

    /// Lets it come to its end.
    pub fn finish(self) -> String {
        match self {
            Self::Own(_) => self.hear(),
            Self::Forked(forks) => forks.finish(),
        }
    }
}

async fn find_ours(home: &Home, source: &TokenSource) -> Found {
    for _ in 0..6 {
        match source.refresh().await {
            Ok(_) => return Found::Alive,
            Err(why) if why.kind() == ErrorKind::SignIn => {
                let stored = home.store.load(source.account()).await.unwrap().unwrap();
                let is_explained = stored.grant.death == Some(Death::AnswerLost);
                return Found::Ended { is_explained };
            }
            Err(_) => home.advance(Duration::from_secs(120)),
        }
    }
    Found::Ended { is_explained: false }
}
