//! What an emulator starts with.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::emulator::Emulator;
use crate::fault::FaultRule;
use crate::quirks::{Lifetimes, Quirks};
use crate::seed::{AppSeed, UserSeed};
use crate::server;
use crate::shared::Shared;
use crate::world::{OperateError, World};

/// Prepares an [`Emulator`]. Get one from [`Emulator::builder`].
#[derive(Debug)]
pub struct EmulatorBuilder {
    port: u16,
    auto_approve: AutoApprove,
    apps: Vec<AppSeed>,
    users: Vec<UserSeed>,
    quirks: Quirks,
    lifetimes: Lifetimes,
    faults: Vec<FaultRule>,
    is_frozen: bool,
}

#[derive(Debug)]
enum AutoApprove {
    FirstUser,
    Named(String),
    Off,
}

impl Default for EmulatorBuilder {
    fn default() -> Self {
        Self {
            port: 0,
            auto_approve: AutoApprove::FirstUser,
            apps: AppSeed::defaults(),
            users: UserSeed::defaults(),
            quirks: Quirks::default(),
            lifetimes: Lifetimes::default(),
            faults: Vec::new(),
            is_frozen: false,
        }
    }
}

impl EmulatorBuilder {
    /// Listens on this port of 127.0.0.1; 0, the default, takes a free one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Lets this user approve every authorize request at once; none shows the consent page.
    /// Default: the first user.
    pub fn auto_approve(mut self, username: Option<&str>) -> Self {
        self.auto_approve = match username {
            Some(name) => AutoApprove::Named(name.to_owned()),
            None => AutoApprove::Off,
        };
        self
    }

    /// Lets the first user approve every authorize request at once. This is the default.
    pub fn auto_approve_first(mut self) -> Self {
        self.auto_approve = AutoApprove::FirstUser;
        self
    }

    /// Adds an app to those seeded by default.
    pub fn app(mut self, app: AppSeed) -> Self {
        self.apps.push(app);
        self
    }

    /// Adds a user to those seeded by default.
    pub fn user(mut self, user: UserSeed) -> Self {
        self.users.push(user);
        self
    }

    /// Drops the apps and users seeded so far, the default ones included.
    pub fn empty(mut self) -> Self {
        self.apps.clear();
        self.users.clear();
        self
    }

    /// Sets the switches.
    pub fn quirks(mut self, quirks: Quirks) -> Self {
        self.quirks = quirks;
        self
    }

    /// Sets how long credentials live.
    pub fn lifetimes(mut self, lifetimes: Lifetimes) -> Self {
        self.lifetimes = lifetimes;
        self
    }

    /// Scripts a fault from the start.
    pub fn fault(mut self, rule: FaultRule) -> Self {
        self.faults.push(rule);
        self
    }

    /// Stops the clock at the time of starting: it then moves only by [`Emulator::advance`].
    pub fn frozen_clock(mut self) -> Self {
        self.is_frozen = true;
        self
    }

    /// Starts the emulator.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if an app, a user or the auto-approving user cannot be; otherwise whatever
    /// keeps the port or the thread from being had.
    pub async fn start(self) -> io::Result<Emulator> {
        self.start_blocking()
    }

    /// [`EmulatorBuilder::start`] for code without an async runtime; it does not wait for anything.
    ///
    /// # Errors
    ///
    /// As [`EmulatorBuilder::start`].
    pub fn start_blocking(self) -> io::Result<Emulator> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port))?;
        listener.set_nonblocking(true)?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let world = self.world().map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
        let shared = Arc::new(Shared::new(world, base_url));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let served = shared.clone();
        let thread =
            std::thread::Builder::new().name("xpkce-emulator".into()).spawn(move || {
                runtime.block_on(async move {
                    if let Ok(listener) = tokio::net::TcpListener::from_std(listener) {
                        server::serve(listener, served, stopped).await;
                    }
                });
            })?;
        Ok(Emulator::running(shared, handle, stop, thread))
    }

    fn world(self) -> Result<World, OperateError> {
        let clock = if self.is_frozen { Clock::frozen() } else { Clock::running() };
        let mut world = World::new(clock, self.quirks, self.lifetimes);
        for app in self.apps {
            world.add_app(app)?;
        }
        for user in self.users {
            world.add_user(user)?;
        }
        let first = world.users.first().map(|user| user.username.clone());
        match self.auto_approve {
            AutoApprove::FirstUser => world.set_auto_approve(first.as_deref())?,
            AutoApprove::Named(name) => world.set_auto_approve(Some(&name))?,
            AutoApprove::Off => {}
        }
        for rule in self.faults {
            world.arm(rule)?;
        }
        Ok(world)
    }
}
