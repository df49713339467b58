//! `xpkce request`: one authenticated request to the API.

use std::process::ExitCode;

use clap::Args;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Map, Value, json};
use std::io::IsTerminal as _;
use xpkce::http::HttpResponse;

use super::Context;
use crate::choose::LoginFlags;
use crate::failure::{Failure, Kind, Result};
use crate::text::clean_lines;
use crate::vault::Vault;

const EXAMPLE: &str = "\
Examples:
  xpkce request GET /2/users/me
  xpkce request POST /2/tweets -d '{\"text\":\"Hello\"}'";

/// Send an authenticated request to the API and print the answer's body.
///
/// After a 401 the token is refreshed and the request is sent once more; after a 403 it is not. X is
/// known to refuse tokens that are under ten seconds old: such a token is not refreshed, but sent
/// again two seconds later. An answer of 400 or more exits with 1, and its body is still printed.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Request {
    /// GET, POST, PUT, PATCH, DELETE …
    method: String,
    /// A path such as /2/users/me, or a whole URL of the same host.
    path: String,
    /// The body; - reads it from standard input, as POST, PUT and PATCH do without this flag when
    /// something is piped in. At most 16 MiB.
    #[arg(short = 'd', long = "data", value_name = "BODY")]
    data: Option<String>,
    /// A header, such as "Accept: text/plain". Can be given several times.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    header: Vec<String>,
    #[command(flatten)]
    login: LoginFlags,
}

impl Request {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode> {
        let method = method(&self.method)?;
        let mut headers = headers(&self.header)?;
        let settings = context.settings()?;
        let Some(vault) = Vault::open_existing(&settings).await? else {
            return Err(self.login.nobody(&settings));
        };
        let account = self.login.choose(&settings, &vault).await?.grant.account.clone();
        let chosen = settings.app_of(&account.app)?;
        let keeper = vault.keeper(chosen.app(&vault.sealer)?)?;
        let body = self.body(context, &method).await?;
        if body.is_some() {
            headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        }
        let source = keeper.token_source(&account.user);
        let target = target(&self.path);
        let sending = source.request(method, &target, headers, body);
        let answer = context.output.waiting("waiting for X", sending).await;
        show(context, &answer.map_err(|why| chosen.failed(why))?)
    }

    async fn body(&self, context: &Context, method: &Method) -> Result<Option<Vec<u8>>> {
        let takes_body = [Method::POST, Method::PUT, Method::PATCH].contains(method);
        let is_piped = !std::io::stdin().is_terminal();
        match self.data.as_deref() {
            Some("-") => {}
            Some(data) => return Ok(Some(data.as_bytes().to_vec())),
            None if takes_body && is_piped => {}
            None => return Ok(None),
        }
        let mut body = context.terminal.bytes().await?;
        Ok((!body.is_empty()).then(|| std::mem::take(&mut *body)))
    }
}

fn method(text: &str) -> Result<Method> {
    Method::from_bytes(text.to_ascii_uppercase().as_bytes()).map_err(|_| {
        Failure::new(Kind::Usage, "the method is not one of HTTP's")
            .hint("xpkce request GET /2/users/me")
    })
}

/// A path without its first slash is still a path.
fn target(path: &str) -> String {
    let is_whole = path.starts_with('/') || path.contains("://");
    if is_whole { path.to_owned() } else { format!("/{path}") }
}

fn headers(given: &[String]) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for line in given {
        let parsed = line.split_once(':').and_then(|(name, value)| {
            let name = HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
            Some((name, HeaderValue::from_str(value.trim()).ok()?))
        });
        let Some((name, value)) = parsed else {
            return Err(Failure::new(Kind::Usage, "a header is not of the form NAME: VALUE")
                .hint("xpkce request GET /2/users/me -H 'Accept: application/json'"));
        };
        if name == http::header::AUTHORIZATION {
            return Err(Failure::new(Kind::Usage, "xpkce itself sends the Authorization header")
                .hint("leave -H Authorization out"));
        }
        headers.append(name, value);
    }
    Ok(headers)
}

fn show(context: &Context, answer: &HttpResponse) -> Result<ExitCode> {
    let output = &context.output;
    if output.is_json() {
        output.json(&described(answer))?;
    } else if std::io::stdout().is_terminal() {
        output.line(clean_lines(&String::from_utf8_lossy(&answer.body)).trim_end())?;
    } else {
        output.data(&answer.body)?;
    }
    if answer.status < 400 {
        return Ok(ExitCode::SUCCESS);
    }
    let status = http::StatusCode::from_u16(answer.status).ok();
    let name = status.and_then(|status| status.canonical_reason()).unwrap_or_default();
    output.warn(&format!("X answered {} {name}", answer.status), advice(answer.status));
    Ok(ExitCode::from(Kind::Protocol.exit_code()))
}

fn advice(status: u16) -> Option<&'static str> {
    match status {
        401 => Some("xpkce status"),
        403 => Some(
            "if a scope is missing, which X does not say, sign in again with it; how: xpkce login --help",
        ),
        402 => Some("buy credits for the app in X's console"),
        404 | 405 => {
            Some("check the path and the method against X's documentation of the endpoint")
        }
        429 => Some("wait until the limit's reset: see x-rate-limit-reset with --json"),
        500.. => Some("run it again in a while"),
        _ => Some("the answer says what X found; check the parameters and the body against it"),
    }
}

fn described(answer: &HttpResponse) -> Value {
    let headers: Map<String, Value> = answer
        .headers
        .iter()
        .map(|(name, value)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned().into())
        })
        .collect();
    let body: Value = serde_json::from_slice(&answer.body)
        .unwrap_or_else(|_| String::from_utf8_lossy(&answer.body).into_owned().into());
    json!({ "status": answer.status, "headers": headers, "body": body })
}
