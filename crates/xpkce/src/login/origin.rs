//! The app and the servers that a sign-in was begun with.

use url::Url;

use crate::{App, Error, Reason, Result};

/// The app that a sign-in began with. A client id is known at one authorization server: at another
/// it may be somebody else's, who would be handed the code and its verifier (RFC 9700 section 4.4).
pub(crate) struct Origin {
    pub(crate) client_id: String,
    pub(crate) base_url: String,
    pub(crate) authorization_base_url: String,
}

impl Origin {
    /// Refuses an app that is another one.
    pub(crate) fn check(&self, app: &App) -> Result<()> {
        let (base, authorization) = (app.base_url(), app.authorization_base_url());
        for (what, began, now, is_same) in [
            ("client id", &*self.client_id, app.client_id(), self.client_id == app.client_id()),
            ("base URL", &self.base_url, base, is_same_url(&self.base_url, base)),
            (
                "authorization base URL",
                &self.authorization_base_url,
                authorization,
                is_same_url(&self.authorization_base_url, authorization),
            ),
        ] {
            if !is_same {
                let message = format!("the sign-in began with the {what} {began}, not with {now}");
                return Err(Error::new(Reason::OtherApp, message)
                    .with_hint("finish it with the settings that it began with, or begin again"));
            }
        }
        Ok(())
    }
}

/// Returns whether two base URLs are one, however it is spelled: a host in capitals, or the port that
/// goes without saying.
fn is_same_url(began: &str, now: &str) -> bool {
    began == now
        || matches!((Url::parse(began), Url::parse(now)), (Ok(began), Ok(now)) if began == now)
}
