//! Exchanges and refreshes over a connection to the stand-in.

use futures_util::future::join_all;
use oauth2::reqwest::redirect::Policy;
use oauth2::{AuthorizationCode, PkceCodeVerifier, RefreshToken as OtherRefreshToken};
use tokio::runtime::Runtime;
use xpkce::{Approval, Client, Login, RefreshAnswer, RefreshToken, Timestamp};

use crate::cost::{self, Cost};
use crate::flow::{self, OtherClient};

/// What is done.
#[derive(Clone, Copy, PartialEq)]
pub enum Grant {
    /// The exchange of a code.
    Code,
    /// A refresh.
    Refresh,
}

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const REFRESH_TOKEN: &str =
    "VkJ6QmVuY2htYXJrUmVmcmVzaFRva2VuT2ZUaGVTYW1lTGVuZ3RoQXNYc093bjoxNzAwMDAwMDAwMDAwOjE6MTpydDox";

/// Ours: [`Client`] over hyper.
pub struct Ours {
    client: Client,
    runtime: Runtime,
}

impl Ours {
    /// Makes a client of the stand-in.
    pub fn new(base_url: &str) -> Self {
        Self { client: Client::with_hyper(flow::app(base_url)), runtime: runtime() }
    }

    /// Does `count` operations, `abreast` at a time.
    pub fn turn(&self, grant: Grant, count: usize, abreast: usize) -> Cost {
        let mut approvals: Vec<Approval> = match grant {
            Grant::Code => (0..count).map(|_| self.approval()).collect(),
            Grant::Refresh => Vec::new(),
        };
        let each = count / abreast;
        let mut tasks: Vec<_> = (0..abreast)
            .map(|_| approvals.split_off(approvals.len().saturating_sub(each)))
            .collect();
        cost::of(each * abreast, || {
            self.runtime.block_on(join_all(tasks.drain(..).map(|approvals| async {
                match grant {
                    Grant::Code => self.exchange(approvals).await,
                    Grant::Refresh => self.refresh(each).await,
                }
            })));
        })
    }

    async fn exchange(&self, approvals: Vec<Approval>) {
        for approval in approvals {
            self.client.exchange(approval).await.expect("the stand-in answers");
        }
    }

    async fn refresh(&self, count: usize) {
        for _ in 0..count {
            let token = RefreshToken::new(REFRESH_TOKEN);
            let answer = self.client.refresh(&token).await;
            assert!(matches!(answer, RefreshAnswer::Rotated(_)));
        }
    }

    fn approval(&self) -> Approval {
        let login = Login::begin(self.client.app(), Timestamp::from_secs(1_700_000_000)).unwrap();
        let callback = format!(
            "{}?state={}&code=VkJ6Y29kZU9mVGhlTGVuZ3RoT2ZYc093bjoxNzAwMDAwMDAwMDAwOjE6MTphYzox",
            login.redirect_uri(),
            login.state().expose()
        );
        login.approve(&callback).unwrap()
    }
}

/// The `oauth2` crate over its own reqwest.
pub struct Other {
    client: OtherClient,
    http: oauth2::reqwest::Client,
    runtime: Runtime,
}

impl Other {
    /// Makes a client of the stand-in, set up as the crate's documentation says.
    pub fn new(base_url: &str) -> Self {
        let http = oauth2::reqwest::Client::builder().redirect(Policy::none()).no_proxy();
        Self { client: flow::other(base_url), http: http.build().unwrap(), runtime: runtime() }
    }

    /// Does `count` operations, `abreast` at a time.
    pub fn turn(&self, grant: Grant, count: usize, abreast: usize) -> Cost {
        let each = count / abreast;
        cost::of(each * abreast, || {
            self.runtime.block_on(join_all((0..abreast).map(|_| async {
                match grant {
                    Grant::Code => self.exchange(each).await,
                    Grant::Refresh => self.refresh(each).await,
                }
            })));
        })
    }

    async fn exchange(&self, count: usize) {
        const CODE: &str = "VkJ6Y29kZU9mVGhlTGVuZ3RoT2ZYc093bjoxNzAwMDAwMDAwMDAwOjE6MTphYzox";
        for _ in 0..count {
            let request = self.client.exchange_code(AuthorizationCode::new(CODE.to_owned()));
            let verifier = PkceCodeVerifier::new(VERIFIER.to_owned());
            request.set_pkce_verifier(verifier).request_async(&self.http).await.unwrap();
        }
    }

    async fn refresh(&self, count: usize) {
        for _ in 0..count {
            let token = OtherRefreshToken::new(REFRESH_TOKEN.to_owned());
            self.client.exchange_refresh_token(&token).request_async(&self.http).await.unwrap();
        }
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}
