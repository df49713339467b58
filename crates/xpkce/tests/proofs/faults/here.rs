//! A sign-in whose callback comes to this machine, and all else that comes to its port.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::{Position, Url};
use xpkce::keeper::SignedIn;
use xpkce::loopback::Listener;
use xpkce::{Clock as _, Keeper, Login, Reason, Result};

use super::super::home::Home;

const DEADLINE: Duration = Duration::from_secs(60);

/// Signs in by the callback that the listener takes. What the browser brings is then handed over
/// once more, as by a person who goes back a page: nothing waits for it.
pub async fn sign_in_here(home: &Home, keeper: &Keeper) -> Result<SignedIn> {
    let listener = Listener::bind_any_port("http://127.0.0.1/callback").await.unwrap();
    let app = keeper.client().app().clone().with_redirect_uri(listener.redirect_uri());
    home.x.register_redirect(app.client_id(), app.redirect_uri());
    let login = Login::begin(&app, home.clock.now()).unwrap();
    keeper.park_login(&login).await.unwrap();
    let listens = async {
        let visit = listener.callback(&login, DEADLINE).await?;
        let signed_in = keeper.finish_login(visit.callback_url()).await;
        visit.tell(&signed_in).await;
        signed_in
    };
    let browses = async {
        let callback = home.x.approve(login.url()).await;
        bring(&callback).await;
        callback
    };
    let (signed_in, callback) = tokio::join!(listens, browses);
    let again = keeper.finish_login(&callback).await.unwrap_err();
    assert_eq!(again.reason(), Reason::LoginExpired, "{again}");
    assert_eq!(home.x.double_redeems(), 0);
    signed_in
}

/// Brings a callback to its port. Nobody may listen there any more.
async fn bring(callback: &str) {
    let url = Url::parse(callback).unwrap();
    let Ok(mut stream) = TcpStream::connect(url.authority()).await else { return };
    let target = &url[Position::BeforePath..Position::AfterQuery];
    let head = format!("GET {target} HTTP/1.1\r\nHost: {}\r\n\r\n", url.authority());
    let mut page = Vec::new();
    // One that is refused on the way has not been let in either.
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.read_to_end(&mut page).await;
}
