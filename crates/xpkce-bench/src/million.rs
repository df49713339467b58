//! A million accounts that one keeper knows: their memory, and a fresh token of any of them. Runs in
//! a process of its own, so that the memory is nobody else's.

use std::fmt;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use xpkce::grant::{Access, Account, Grant};
use xpkce::http::Pending;
use xpkce::seal::{KeyId, Place, Sealed, Sealer};
use xpkce::store::{Due, LeaseEnd, MemoryStore, PendingLogin, Revision, Store, Stored, Swapped};
use xpkce::{Client, Clock as _, Keeper, Result, SystemClock, Timestamp, Token, TokenSource};

use crate::answer::TOKEN_ANSWER;
use crate::cost::{self, Cost};
use crate::crowd::sealer;
use crate::flow;

/// What it came to.
pub struct Million {
    /// The memory that the accounts take, in MiB.
    pub mebibytes: f64,
    /// A fresh token by a random handle.
    pub token: Cost,
    /// One read of as much memory, in nanoseconds, that has to wait for the one before it.
    pub bare_read: f64,
}

/// How large the pages are that the memory is mapped by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Pages {
    /// As the system gives them.
    Small,
    /// As large as they get, where the system gives such when it is asked.
    Huge,
}

impl Pages {
    const TUNABLE: &str = "glibc.malloc.hugetlb";

    fn tunable(self) -> String {
        let value = if self == Self::Huge { 1 } else { 0 };
        format!("{}={value}", Self::TUNABLE)
    }
}

impl fmt::Display for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Small => f.write_str("as it comes"),
            Self::Huge => write!(f, "`GLIBC_TUNABLES={}`", self.tunable()),
        }
    }
}

/// Measures `count` accounts in a process of its own.
pub fn measure(count: usize, reads: usize, pages: Pages) -> Million {
    let this = std::env::current_exe().expect("a program knows where it is");
    let arguments = ["million".to_owned(), count.to_string(), reads.to_string()];
    let mut command = Command::new(this);
    command.args(arguments).env("GLIBC_TUNABLES", pages.tunable());
    let out = command.output().expect("this program can be started");
    let text = String::from_utf8(out.stdout).unwrap();
    let numbers: Vec<f64> = text.split_whitespace().map(|it| it.parse().unwrap()).collect();
    let [mebibytes, wall, cpu, bare_read] = numbers[..] else {
        panic!("four numbers were awaited")
    };
    Million { mebibytes, token: Cost { wall, cpu, memory: 0.0 }, bare_read }
}

/// The process that is measured: prints MiB, the nanoseconds of one token, wall and CPU, and those of
/// one bare read.
pub fn run(count: usize, reads: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let keeper = runtime.block_on(keeper());
    let before = resident();
    let sources: Vec<TokenSource> =
        (0..count).map(|user| keeper.token_source(&user.to_string())).collect();
    for some in sources.chunks(1024) {
        runtime
            .block_on(join_all(some.iter().map(TokenSource::access_token)))
            .into_iter()
            .for_each(|token| drop(token.expect("every login has a fresh token")));
    }
    let taken = resident() - before;
    let mut at = 1_u64;
    let mut read = |count: usize| {
        let task = async {
            for _ in 0..count {
                at = random(at);
                let source = &sources[(at % sources.len() as u64) as usize];
                let token = source.access_token().await.expect("it is fresh");
                black_box(token.expose());
            }
        };
        task.now_or_never().expect("a fresh token does not wait");
    };
    read(reads / 10);
    let Cost { wall, cpu, .. } = cost::of(reads, || read(reads));
    let bare_read = bare_read(taken as usize, reads / 10);
    println!("{} {wall} {cpu} {bare_read}", taken / 1024.0 / 1024.0);
}

/// Xorshift: no order that a processor could guess.
const fn random(mut at: u64) -> u64 {
    at ^= at << 13;
    at ^= at >> 7;
    at ^ (at << 17)
}

/// Reads so many bytes here and there, where each place depends on what was read before; returns the
/// nanoseconds of one: what one look anywhere in it takes, where nothing overlaps.
fn bare_read(bytes: usize, count: usize) -> f64 {
    let memory = black_box(vec![1_u64; bytes / size_of::<u64>()]);
    let mut at = 1;
    cost::of(count, || {
        for _ in 0..count {
            at = random(at ^ memory[(at % memory.len() as u64) as usize]);
        }
        black_box(at);
    })
    .cpu
}

async fn keeper() -> Keeper {
    let (client, sealer) = (Client::with_hyper(flow::app("http://127.0.0.1:9")), sealer());
    let one = Arc::new(MemoryStore::default());
    let maker = Keeper::new(client.clone(), one.clone(), sealer.clone(), None).unwrap();
    let token = Token::from_json(TOKEN_ANSWER).unwrap();
    let signed_in = maker.import(token).await.expect("a token can be imported");
    let pattern = one.load(&signed_in.account).await.unwrap().expect("it was saved").grant;
    let store = Arc::new(Everybody { pattern, sealer: sealer.clone(), one });
    Keeper::new(client, store, sealer, None).unwrap()
}

/// The memory of this process, in bytes.
fn resident() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("Linux tells");
    let pages: f64 = pages.split_whitespace().nth(1).unwrap().parse().unwrap();
    pages * rustix::param::page_size() as f64
}

/// A store where everybody is signed in and nobody takes room: it makes the record that is asked
/// for.
#[derive(Debug)]
struct Everybody {
    pattern: Arc<Grant>,
    sealer: Arc<Sealer>,
    one: Arc<MemoryStore>,
}

impl Everybody {
    fn record(&self, account: &Account) -> Result<Stored> {
        let Grant { grant_id, generation, .. } = &*self.pattern;
        let token = format!("{:>91}", account.user).replace(' ', "A");
        let token =
            self.sealer.seal(Place::Access(account, grant_id, *generation), token.as_bytes())?;
        let issued_at = SystemClock.now();
        let access = Access {
            token,
            token_type: "bearer".to_owned(),
            issued_at,
            expires_at: issued_at + Duration::from_secs(7200),
            is_rejected: false,
        };
        let pattern = Grant::clone(&self.pattern);
        let grant = Arc::new(Grant { account: account.clone(), access: Some(access), ..pattern });
        Ok(Stored { grant, revision: Revision(1), lease_left: Duration::ZERO, now: issued_at })
    }
}

impl Store for Everybody {
    fn load<'a>(&'a self, account: &'a Account) -> Pending<'a, Result<Option<Stored>>> {
        Box::pin(std::future::ready(self.record(account).map(Some)))
    }

    fn swap<'a>(
        &'a self,
        grant: &'a Grant,
        expected: Option<Revision>,
        lease: LeaseEnd,
    ) -> Pending<'a, Result<Swapped>> {
        self.one.swap(grant, expected, lease)
    }

    fn relabel<'a>(
        &'a self,
        from: (&'a Account, Revision),
        grant: &'a Grant,
        expected: Option<Revision>,
    ) -> Pending<'a, Result<Swapped>> {
        self.one.relabel(from, grant, expected)
    }

    fn list<'a>(
        &'a self,
        after: Option<&'a Account>,
        limit: usize,
    ) -> Pending<'a, Result<Vec<Stored>>> {
        self.one.list(after, limit)
    }

    fn due<'a>(
        &'a self,
        app: &'a str,
        now: Timestamp,
        after: Option<&'a Due>,
        limit: usize,
    ) -> Pending<'a, Result<Vec<Due>>> {
        self.one.due(app, now, after, limit)
    }

    fn next_sign_in(&self) -> Pending<'_, Result<u64>> {
        self.one.next_sign_in()
    }

    fn put_login<'a>(&'a self, login: &'a PendingLogin, now: Timestamp) -> Pending<'a, Result<()>> {
        self.one.put_login(login, now)
    }

    fn take_login<'a>(
        &'a self,
        key: &'a str,
        now: Timestamp,
    ) -> Pending<'a, Result<Option<Sealed>>> {
        self.one.take_login(key, now)
    }

    fn key_check<'a>(
        &'a self,
        proposed: Option<&'a Sealed>,
    ) -> Pending<'a, Result<Option<Sealed>>> {
        self.one.key_check(proposed)
    }

    fn replace_key_check<'a>(
        &'a self,
        expected: &'a Sealed,
        check: &'a Sealed,
    ) -> Pending<'a, Result<bool>> {
        self.one.replace_key_check(expected, check)
    }

    fn login_keys(&self) -> Pending<'_, Result<Vec<KeyId>>> {
        self.one.login_keys()
    }

    fn folder(&self) -> Option<&Path> {
        None
    }
}
