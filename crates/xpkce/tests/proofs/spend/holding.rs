//! A client that has X's answer and does not hand it over yet: time for trouble.

use tokio::sync::Semaphore;
use xpkce::http::{HttpClient, HttpRequest, HttpResponse, HyperClient, Pending, SendError};

/// Holds back what comes from the token endpoint once it is told to.
pub struct Holding {
    client: HyperClient,
    /// One permit for each answer that is there.
    answered: Semaphore,
    /// One permit for each answer that may be handed over.
    let_go: Semaphore,
}

impl Holding {
    /// Hands over the first `free` answers at once.
    pub fn after(free: usize) -> Self {
        Self {
            client: HyperClient::new(),
            answered: Semaphore::new(0),
            let_go: Semaphore::new(free),
        }
    }

    /// Waits until another answer is there.
    pub async fn is_answered(&self) {
        self.answered.acquire().await.unwrap().forget();
    }

    /// Hands over one answer more.
    pub fn let_go(&self) {
        self.let_go.add_permits(1);
    }
}

impl HttpClient for Holding {
    fn send(&self, request: HttpRequest) -> Pending<'_, Result<HttpResponse, SendError>> {
        Box::pin(async move {
            let is_token = request.url.path() == "/2/oauth2/token";
            let answer = self.client.send(request).await;
            if is_token {
                self.answered.add_permits(1);
                self.let_go.acquire().await.unwrap().forget();
            }
            answer
        })
    }
}
