//! Authenticated requests: refreshed and retried once on 401, never on 403.

use http::{HeaderMap, Method};

use super::TokenSource;
use crate::Result;
use crate::http::HttpResponse;

impl TokenSource {
    /// Sends a request to the API with this grant's token and returns the answer, whatever its
    /// status. `path_or_url` is a path below the app's base URL, or a URL of the same origin.
    ///
    /// # Errors
    /// As [`access_token`](Self::access_token), and as [`Client::request`](crate::Client::request).
    pub async fn request(
        &self,
        method: Method,
        path_or_url: &str,
        headers: HeaderMap,
        body: Option<Vec<u8>>,
    ) -> Result<HttpResponse> {
        let token = self.access_token().await?.clone();
        let answer = self.send(&token, &method, path_or_url, &headers, body.clone()).await?;
        if answer.status != 401 {
            return Ok(answer);
        }
        self.rejected(&token).await?;
        let token = self.access_token().await?.clone();
        self.send(&token, &method, path_or_url, &headers, body).await
    }

    async fn send(
        &self,
        token: &crate::AccessToken,
        method: &Method,
        path_or_url: &str,
        headers: &HeaderMap,
        body: Option<Vec<u8>>,
    ) -> Result<HttpResponse> {
        let client = self.keeper().client().clone();
        let (token, method, headers) = (token.clone(), method.clone(), headers.clone());
        let path_or_url = path_or_url.to_owned();
        let sending =
            async move { client.request(&token, method, &path_or_url, headers, body).await };
        self.keeper().run(sending).await
    }
}
