//! Many logins behind one keeper, refreshed abreast.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::runtime::Runtime;
use xpkce::grant::Grant;
use xpkce::seal::Sealer;
use xpkce::store::Store;
use xpkce::{Client, Keeper, Token, TokenSource};

use crate::answer::TOKEN_ANSWER;
use crate::cost::{self, Cost};
use crate::flow;

/// Logins that one keeper keeps in one store.
pub struct Crowd {
    runtime: Runtime,
    keeper: Keeper,
    sources: Vec<TokenSource>,
    /// Handles of logins that are never asked for.
    _others: Vec<TokenSource>,
}

impl Crowd {
    /// Signs `count` users in. The folder is where the keeper shows that it lives and spills.
    pub fn sign_in(
        base_url: &str,
        store: Arc<dyn Store>,
        folder: Option<&Path>,
        count: usize,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = Client::with_hyper(flow::app(base_url));
        let keeper = Keeper::new(client, store, sealer(), folder.map(Path::to_owned)).unwrap();
        let import = || async {
            let token = Token::from_json(TOKEN_ANSWER).expect("a token");
            let signed_in = keeper.import(token).await.expect("a token can be imported");
            keeper.token_source(&signed_in.account.user)
        };
        let mut sources = Vec::with_capacity(count);
        while sources.len() < count {
            let more = (count - sources.len()).min(256);
            sources.extend(runtime.block_on(join_all((0..more).map(|_| import()))));
        }
        Self { runtime, keeper, sources, _others: Vec::new() }
    }

    /// Adds so many logins that the keeper does not remember their records any more, and reads each
    /// before it is spent. They are only known to it.
    #[must_use]
    pub fn among_many(self) -> Self {
        let _others = (0..10_000).map(|user| self.keeper.token_source(&user.to_string())).collect();
        Self { _others, ..self }
    }

    /// Names the first login.
    pub fn first(&self) -> &TokenSource {
        &self.sources[0]
    }

    /// Refreshes `abreast` logins at a time, each again and again, and returns what one refresh
    /// cost, saved, once all are under way.
    pub fn refresh(&self, abreast: usize, warm_up: Duration, span: Duration) -> Cost {
        let (done, is_over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        self.runtime.block_on(async {
            let refreshing = |source: &TokenSource| {
                let (source, done, is_over) = (source.clone(), done.clone(), is_over.clone());
                tokio::spawn(async move {
                    while !is_over.load(Relaxed) {
                        source.refresh().await.expect("the stand-in answers");
                        done.fetch_add(1, Relaxed);
                    }
                })
            };
            let tasks: Vec<_> = self.sources[..abreast].iter().map(refreshing).collect();
            tokio::time::sleep(warm_up).await;
            let cost = cost::between(span, || done.load(Relaxed)).await;
            is_over.store(true, Relaxed);
            join_all(tasks).await.into_iter().for_each(Result::unwrap);
            cost
        })
    }

    /// Refreshes the first login so many times.
    pub fn spend(&self, count: usize) {
        self.runtime.block_on(async {
            for _ in 0..count {
                self.first().refresh().await.expect("the stand-in answers");
            }
        });
    }

    /// Returns a record as it is once its history is full.
    pub fn record(&self, store: &dyn Store) -> Grant {
        self.spend(Grant::MAX_HISTORY);
        let there = self.runtime.block_on(store.load(self.first().account())).unwrap().unwrap();
        Grant::clone(&there.grant)
    }
}

impl std::fmt::Debug for Crowd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} logins of {:?}", self.sources.len(), self.keeper)
    }
}

/// A sealer with a key that nobody should use.
pub fn sealer() -> Arc<Sealer> {
    Arc::new(Sealer::from_text(&format!("{}=", "A".repeat(43))).expect("a key of 32 bytes"))
}
