//! The errors of the token and revoke endpoints, word for word.

use crate::fields::Fields;
use crate::reply::Reply;

/// Why the token or revoke endpoint refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OAuthError {
    /// A refresh token that is spent, revoked, expired or unknown.
    Token,
    /// A code that is expired, spent or unknown.
    Code,
    /// The verifier does not belong to the challenge.
    Verifier,
    /// The redirect differs from the one of the authorize request.
    Redirect,
    /// A parameter is absent.
    Missing(&'static str),
    /// A parameter comes twice. X's own words are not known; the wording here is ours.
    Repeated(String),
    /// Another grant type than the two X has.
    GrantType,
    /// An unknown client id, or a token of another app.
    ClientId,
    /// A confidential app without Basic, or a wrong secret.
    Authorization,
    /// More than the token limit of E9.
    TooMany,
}

impl OAuthError {
    fn status(&self) -> u16 {
        match self {
            Self::Authorization => 401,
            Self::TooMany => 429,
            _ => 400,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::ClientId => "invalid_client",
            Self::Authorization => "unauthorized_client",
            Self::TooMany => "too_many_requests",
            _ => "invalid_request",
        }
    }

    fn description(&self) -> String {
        let text = match self {
            Self::Token => "Value passed for the token was invalid.",
            Self::Code => "Value passed for the authorization code was invalid.",
            Self::Verifier => {
                "Value passed for the code verifier did not match the code challenge."
            }
            Self::Redirect => {
                "Value passed for the redirect uri did not match the uri of the authorization code."
            }
            Self::GrantType => {
                "Value passed for the grant type was invalid. Grant type should be one of \
                 [authorization_code, refresh_token]."
            }
            Self::ClientId => "Value passed for the client id was invalid.",
            Self::Authorization => "Missing valid authorization header",
            Self::TooMany => "Too Many Requests",
            Self::Missing(name) => return format!("Missing required parameter [{name}]."),
            Self::Repeated(name) => return format!("Repeated parameter [{name}]."),
        };
        text.to_owned()
    }

    pub(crate) fn reply(&self) -> Reply {
        oauth_error(self.status(), self.code(), &self.description())
    }
}

/// Returns an error body of RFC 6749 section 5.2.
pub(crate) fn oauth_error(status: u16, error: &str, description: &str) -> Reply {
    let fields = Fields::new().with("error", error).with("error_description", description);
    Reply::json(status, &fields)
}
