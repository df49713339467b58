//! No secret in a log, an error or a panic: everything that is logged, at every level, is searched.

use std::io::Write;
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::MakeWriter;
use xpkce::{
    AccessToken, App, Client, ClientSecret, Login, ManualClock, RefreshToken, Revocable, State,
};

use crate::silence::Silence;
use crate::support::{CLIENT_ID, NOW, Script, answer, dead_token, maybe_sent, oauth_error};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_secret_is_logged_or_told() {
    // First, for its own first line is said to whoever listens in this thread.
    let _silence = Silence::listen();
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let mut told = String::new();
    for response in [
        Ok(answer(200, r#"{"access_token":"SECRET-1","refresh_token":"SECRET-2","x":"SECRET-3"}"#)),
        Ok(answer(200, r#"{"token":"SECRET-4"}"#)),
        Ok(oauth_error(400, "SECRET-5", "SECRET-6")),
        Ok(answer(503, "SECRET-7")),
        Ok(dead_token()),
        maybe_sent(),
    ] {
        told.push_str(&everything_about(response).await);
    }
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("answered") && !told.is_empty());
    for text in [logged, told] {
        assert!(!text.contains("SECRET"), "{text}");
    }
}

async fn everything_about(
    response: Result<xpkce::http::HttpResponse, xpkce::http::SendError>,
) -> String {
    let copy = |response: &Result<xpkce::http::HttpResponse, _>| match response {
        Ok(it) => Ok(xpkce::http::HttpResponse {
            status: it.status,
            headers: it.headers.clone(),
            body: it.body.clone(),
            is_whole: it.is_whole,
        }),
        Err(_) => maybe_sent(),
    };
    let http = Script::new((0..5).map(|_| copy(&response)));
    let app = App::confidential(CLIENT_ID, ClientSecret::new("SECRET-8"));
    let login = Login::begin_with(&app, Some(State::new("SECRET-9")), None, NOW).unwrap();
    let approval = login.approve("code=SECRET-10&state=SECRET-9").unwrap();
    let mut told =
        format!("{login:?} {approval:?} {:?}", login.approve("code=SECRET&state=SECRET"));
    let client = Client::new(app, http, Arc::new(ManualClock::new(NOW)));
    let (access, refresh) = (AccessToken::new("SECRET-11"), RefreshToken::new("SECRET-12"));
    told += &format!("{client:?} {access:?} {refresh:?}");
    told += &format!("{:?}", client.redeem(approval).await);
    told += &format!("{:?}", client.refresh(&refresh).await);
    told += &format!("{:?}", client.revoke(Revocable::Refresh(&refresh)).await);
    told += &format!("{:?}", client.me(&access).await);
    told += &format!("{:?}", client.probe().await);
    told
}
