//! A raw client: it knows nothing that the library knows, only HTTP.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use reqwest::{Response, StatusCode, header};
use serde_json::Value;
use url::Url;
use xpkce_emulator::{AppSeed, Emulator};

use crate::said::Said;

/// The pair of RFC 7636 appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub const REDIRECT: &str = "http://127.0.0.1:8080/callback";
pub const SCOPES: &str = "tweet.read users.read offline.access";

/// An HTTP client that follows no redirect and needs no certificates.
pub fn http() -> reqwest::Client {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap()
}

/// What an emulator writes down, which is gone through when a test is over: no token is in it. Nor is one
/// in what is logged or in a panic.
struct Evidence(String);

impl Evidence {
    fn of(base: &str) -> Self {
        Said::of_this_process();
        Self(base["http://".len()..].to_owned())
    }

    /// Asks without a runtime; an emulator that was stopped says nothing.
    fn events(&self) -> String {
        let Ok(mut stream) = TcpStream::connect(&self.0) else { return String::new() };
        let request = format!(
            "GET /control/events HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.0
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut events = String::new();
        stream.read_to_string(&mut events).unwrap();
        assert!(events.starts_with("HTTP/1.1 200 "), "{events}");
        events
    }
}

impl Drop for Evidence {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            Said::of_this_process().add(self.events().as_bytes());
        }
    }
}

/// An app signing in at an emulator.
pub struct Client {
    _evidence: Evidence,
    pub http: reqwest::Client,
    pub base: String,
    pub authorize: String,
    pub app: AppSeed,
}

/// An answer, read in full.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: header::HeaderMap,
    pub body: String,
}

impl Answer {
    pub async fn of(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.text().await.unwrap();
        Self { status: StatusCode::as_u16(&status), headers, body }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    pub fn text(&self, key: &str) -> String {
        self.json()[key].as_str().unwrap_or_else(|| panic!("no {key}: {}", self.body)).to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The status and the two fields of an OAuth error.
    pub fn oauth_error(&self) -> (u16, String, String) {
        (self.status, self.text("error"), self.text("error_description"))
    }
}

/// Access and refresh token of one answer.
#[derive(Clone, Debug)]
pub struct Tokens {
    pub access: String,
    pub refresh: String,
}

impl Tokens {
    pub fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{}", answer.body);
        Self { access: answer.text("access_token"), refresh: answer.text("refresh_token") }
    }
}

impl Client {
    pub fn public(x: &Emulator) -> Self {
        Self::of(x, x.public_app())
    }

    pub fn confidential(x: &Emulator) -> Self {
        Self::of(x, x.confidential_app())
    }

    pub fn of(x: &Emulator, app: AppSeed) -> Self {
        Self {
            _evidence: Evidence::of(x.base_url()),
            http: http(),
            base: x.base_url().to_owned(),
            authorize: format!("{}/oauth2/authorize", x.authorization_base_url()),
            app,
        }
    }

    /// An authorize URL; `changes` replace parameters, or remove them if empty.
    pub fn authorize_url(&self, changes: &[(&str, &str)]) -> String {
        let mut params = vec![
            ("response_type", "code"),
            ("client_id", self.app.client_id.as_str()),
            ("redirect_uri", REDIRECT),
            ("scope", SCOPES),
            ("state", "a-state"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in changes {
            params.retain(|(known, _)| known != name);
            if !value.is_empty() {
                params.push((name, value));
            }
        }
        Url::parse_with_params(&self.authorize, params).unwrap().into()
    }

    pub async fn get(&self, url: &str) -> Answer {
        Answer::of(self.http.get(url).send().await.unwrap()).await
    }

    /// Posts a form, with Basic if the app has a secret.
    pub fn form(&self, path: &str, fields: &[(&str, &str)]) -> reqwest::RequestBuilder {
        let request = self.http.post(format!("{}{path}", self.base)).form(fields);
        match &self.app.client_secret {
            Some(secret) => request.basic_auth(&self.app.client_id, Some(secret)),
            None => request,
        }
    }

    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        Answer::of(self.form(path, fields).send().await.unwrap()).await
    }

    pub async fn approved(&self, x: &Emulator) -> String {
        code_of(&x.approve(&self.authorize_url(&[])).await)
    }

    pub fn exchange_fields<'a>(&'a self, code: &'a str) -> Vec<(&'a str, &'a str)> {
        vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
            ("client_id", &self.app.client_id),
        ]
    }

    pub async fn exchange(&self, code: &str) -> Answer {
        self.post("/2/oauth2/token", &self.exchange_fields(code)).await
    }

    pub fn refresh_fields<'a>(&'a self, token: &'a str) -> Vec<(&'a str, &'a str)> {
        vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("client_id", &self.app.client_id),
        ]
    }

    pub async fn refresh(&self, token: &str) -> Answer {
        self.post("/2/oauth2/token", &self.refresh_fields(token)).await
    }

    pub async fn try_refresh(&self, token: &str) -> Result<Answer, reqwest::Error> {
        let response = self.form("/2/oauth2/token", &self.refresh_fields(token)).send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Answer { status, headers, body: response.text().await? })
    }

    pub async fn revoke(&self, token: &str) -> Answer {
        let client_id = self.app.client_id.as_str();
        self.post("/2/oauth2/revoke", &[("token", token), ("client_id", client_id)]).await
    }

    pub async fn whoami(&self, access: &str) -> Answer {
        let url = format!("{}/2/users/me", self.base);
        Answer::of(self.http.get(url).bearer_auth(access).send().await.unwrap()).await
    }

    pub async fn sign_in(&self, x: &Emulator) -> Tokens {
        Tokens::of(&self.exchange(&self.approved(x).await).await)
    }

    pub async fn sign_in_as(&self, x: &Emulator, username: &str) -> Tokens {
        let callback = x.approve_as(&self.authorize_url(&[]), username).await;
        Tokens::of(&self.exchange(&code_of(&callback)).await)
    }

    /// Signs in with exactly these scopes and returns the whole answer.
    pub async fn sign_in_with(&self, x: &Emulator, scope: &str) -> Answer {
        let callback = x.approve(&self.authorize_url(&[("scope", scope)])).await;
        self.exchange(&code_of(&callback)).await
    }
}

/// A parameter of a callback URL.
pub fn param(callback: &str, name: &str) -> Option<String> {
    let url = Url::parse(callback).unwrap();
    url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

/// The token hidden in the form of a consent page.
pub fn page_token(page: &Answer) -> String {
    let rest = page.body.split(r#"name="page" value=""#).nth(1).unwrap();
    rest.split('"').next().unwrap().to_owned()
}

pub fn code_of(callback: &str) -> String {
    param(callback, "code").unwrap_or_else(|| panic!("no code: {callback}"))
}
