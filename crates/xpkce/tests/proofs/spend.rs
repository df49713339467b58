//! A spend that is stopped at its worst moment: X has rotated, and nobody here has the pair.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use xpkce::grant::Grant;
use xpkce::{Clock, Result, SystemClock, TokenSource};

use self::holding::Holding;
use super::faults::say;
use super::home::{Home, Place};

#[path = "spend/holding.rs"]
mod holding;

/// A refresh that X has answered, whose answer has not come to the keeper.
pub struct Spend {
    source: TokenSource,
    client: Arc<Holding>,
    refreshing: JoinHandle<Result<String>>,
}

impl Spend {
    pub async fn begin(home: &Home, place: &Place) -> Self {
        let client = Arc::new(Holding::after(1));
        let store = place.store(home.clock.clone()).await;
        let keeper = place.keeper(store, client.clone(), home.clock.clone()).await;
        let source = home.sign_in(&keeper).await;
        client.is_answered().await;
        let own = source.clone();
        let refreshing =
            tokio::spawn(async move { own.refresh().await.map(|it| it.generation().to_string()) });
        client.is_answered().await;
        Self { source, client, refreshing }
    }

    /// Hands the answer over, and says what the caller got for it, and what is served after it.
    pub async fn end(&mut self, home: &Home) -> String {
        self.client.let_go();
        let got = match (&mut self.refreshing).await.unwrap() {
            Ok(generation) => format!("generation {generation}"),
            Err(why) => {
                home.silence.hear(&why);
                say(why.kind()).to_owned()
            }
        };
        let served = self.source.access_token().await.unwrap().generation();
        format!("{got}; generation {served} is served")
    }

    pub fn let_go(&self) {
        self.client.let_go();
    }

    /// Refreshes again, and says what came of it.
    pub async fn refresh(&self) -> String {
        match self.source.refresh().await {
            Ok(token) => format!("generation {}", token.generation()),
            Err(why) => say(why.kind()).to_owned(),
        }
    }

    pub fn user(&self) -> String {
        self.source.account().user.clone()
    }

    pub async fn record(&self, home: &Home) -> Grant {
        Grant::clone(&home.store.load(self.source.account()).await.unwrap().unwrap().grant)
    }

    /// Waits until the pair is saved, and goes on with it as another process.
    pub async fn ends_well(self, home: &Home) {
        let begun = SystemClock.uptime();
        while self.record(home).await.generation.0 < 2 {
            assert!(SystemClock.uptime() - begun < Duration::from_secs(40), "never saved");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let grant = self.record(home).await;
        assert_eq!((grant.state.name(), grant.candidates.len()), ("ready", 0));
        let user = self.user();
        drop(self);
        goes_on(home, &user).await;
    }
}

/// Goes on as another process: finds the pair that was in trouble, and spends it.
pub async fn goes_on(home: &Home, user: &str) {
    let source = home.keeper().await.token_source(user);
    let mut generation = source.refresh().await.unwrap().generation().0;
    if generation == 2 {
        assert_eq!(home.x.refreshes(), 1, "found beside the store, and not asked for");
        generation = source.refresh().await.unwrap().generation().0;
    }
    assert_eq!(generation, 3);
    assert_eq!((home.x.refreshes(), home.x.replays()), (2, 0));
}
