//! A token that is fresh, read from the keeper.

use std::hint::black_box;
use std::sync::Arc;

use futures_util::FutureExt as _;
use xpkce::seal::Sealer;
use xpkce::store::MemoryStore;
use xpkce::{Client, Keeper, SystemClock, Timestamp, Token, TokenSource};

use crate::answer::TOKEN_ANSWER;
use crate::cost::{self, Cost};
use crate::flow;

/// A source whose token is fresh for two hours, and the keeper behind it.
pub fn fresh_source(base_url: &str) -> TokenSource {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = Client::with_hyper(flow::app(base_url));
        let store = Arc::new(MemoryStore::new(Arc::new(SystemClock)));
        let sealer = Sealer::from_text(&format!("{}=", "A".repeat(43))).expect("a key of 32 bytes");
        let keeper = Keeper::new(client, store, Arc::new(sealer), None).unwrap();
        let mut token = Token::from_json(TOKEN_ANSWER).unwrap();
        let now = xpkce::Clock::now(&SystemClock);
        token.expires_at = Some(Timestamp::from_secs(now.as_secs() + 7200));
        let signed_in = keeper.import(token).await.expect("a token can be imported");
        let source = keeper.token_source(&signed_in.account.user);
        source.access_token().await.expect("the token is fresh");
        source
    })
}

/// Reads the token `count` times, as a task does that awaits it.
pub fn read(source: &TokenSource, count: usize) {
    let task = async {
        for _ in 0..count {
            let token = source.access_token().await.expect("the token is fresh");
            black_box(token.expose());
        }
    };
    task.now_or_never().expect("a fresh token does not wait");
}

/// Reads on several threads at once. The wall time is that of one read on one thread.
pub fn read_on(threads: usize, source: &TokenSource, count: usize) -> Cost {
    cost::of(count, || {
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| read(source, count));
            }
        });
    })
}
