//! X's class, `OAuth2PKCEAuth`: its attributes and methods, over the library's own class.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

mod calls;
mod desk;
mod exchange;
mod expiry;
mod landed;
mod oauth2_session;
mod own;
mod pair;
mod refresh;
mod set_up;
mod settings;
mod words;

use crate::names::name;
use desk::Desk;
pub(crate) use own::remember;
use settings::Settings;

/// OAuth 2.0 sign-in with PKCE for the X API: `xdk.oauth2_auth.OAuth2PKCEAuth`, without its holes.
///
/// Args:
///     base_url (str): Where the token endpoint is. HTTPS, or plain HTTP to this machine.
///     authorization_base_url (str): Where the consent page is.
///     client_id (str | None): The app's OAuth 2.0 client id.
///     client_secret (str | None): The secret of a confidential app; `None` for a public one.
///     redirect_uri (str | None): The callback, exactly as it is registered at X. Left out,
///         `http://127.0.0.1:8080/callback`.
///     token (dict | None): A token to go on with.
///     scope (str | list[str] | None): The scopes, one text with spaces or a list.
///
/// Sends nothing. Settings are checked when they are used.
///
/// >>> from xpkce.oauth2_auth import OAuth2PKCEAuth
/// >>> auth = OAuth2PKCEAuth(client_id="an-id", scope=["tweet.read", "users.read"])
/// >>> auth.get_authorization_url(state="a-state").split("&code_challenge=")[0]
/// 'https://x.com/i/oauth2/authorize?response_type=code&client_id=an-id&redirect_uri=http%3A%2F%2F127.0.0.1%3A8080%2Fcallback&scope=tweet.read%20users.read&state=a-state'
#[pyclass(frozen, subclass, dict, weakref, name = "OAuth2PKCEAuth", module = "xpkce.oauth2_auth")]
pub(crate) struct Auth {
    desk: Desk,
}

impl Auth {
    fn blank(py: Python<'_>) -> Self {
        Self { desk: Desk::new(py) }
    }
}

#[pymethods]
impl Auth {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    #[pyo3(text_signature = "(base_url='https://api.x.com', \
        authorization_base_url='https://x.com/i', client_id=None, client_secret=None, \
        redirect_uri=None, token=None, scope=None)")]
    fn new(
        py: Python<'_>,
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> Self {
        Self::blank(py)
    }

    #[pyo3(signature = (
        base_url = None,
        authorization_base_url = None,
        client_id = None,
        client_secret = None,
        redirect_uri = None,
        token = None,
        scope = None,
    ))]
    #[expect(clippy::too_many_arguments, reason = "the reference's")]
    fn __init__(
        slf: &Bound<'_, Self>,
        base_url: Option<Py<PyAny>>,
        authorization_base_url: Option<&str>,
        client_id: Option<Py<PyAny>>,
        client_secret: Option<Py<PyAny>>,
        redirect_uri: Option<Py<PyAny>>,
        token: Option<Py<PyAny>>,
        scope: Option<Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let py = slf.py();
        let settings = Settings::new(
            py,
            base_url,
            authorization_base_url,
            client_id,
            client_secret,
            redirect_uri,
            scope,
        )?;
        if own::is_plain(slf) {
            slf.get().desk.configure(py, settings, token);
            return Ok(());
        }
        set_up::subclass(slf, &settings, token)
    }

    /// Begins a sign-in and returns the URL for the user's browser.
    ///
    /// Args:
    ///     state (str | None): What the callback must bring back; a random one if left out. Up to
    ///         500 visible ASCII characters.
    ///
    /// Returns:
    ///     str: The authorize URL. Its PKCE pair is new, unless one was set since the last URL. The
    ///     last 16 sign-ins that were begun can be finished.
    ///
    /// Raises:
    ///     ConfigureError: When X would refuse the URL. X shows one page for every mistake.
    ///
    /// RFC 6749 section 4.1.1, RFC 7636 section 4.3.
    #[pyo3(signature = (state = None))]
    fn get_authorization_url(
        slf: &Bound<'_, Self>,
        state: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<String> {
        exchange::authorization_url(slf, state)
    }

    /// Exchanges a code for a token.
    ///
    /// Args:
    ///     code (str): What the callback brought: single use, 30 seconds at X.
    ///     code_verifier (str | None): The verifier it belongs to; the current one if left out.
    ///
    /// Returns:
    ///     dict: `access_token`, `token_type`, `expires_in` (seconds), `refresh_token`, `scope`
    ///     (one text), `expires_at` (seconds since 1970). It is kept as `token`, also when the caller
    ///     is interrupted, unless another was set since.
    ///
    /// Raises:
    ///     SignInError: X refused the code or the verifier.
    ///     ConfigureError: X refused the app.
    ///     RetryError: Nothing was sent, or X asks to wait.
    ///     InDoubtError: No answer came; begin again.
    ///     ProtocolError: X said success and sent no token. The token in hand stays.
    ///
    /// RFC 6749 section 4.1.3. Nothing ties the code to a sign-in but X's check of the verifier;
    /// `fetch_token` checks the state too.
    #[pyo3(signature = (code, code_verifier = None))]
    fn exchange_code<'py>(
        slf: &Bound<'py, Self>,
        code: &Bound<'_, PyAny>,
        code_verifier: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        exchange::exchange_given(slf, code, code_verifier)
    }

    /// Takes the callback, checks it and exchanges its code.
    ///
    /// Args:
    ///     authorization_response (str): The whole URL that the browser ended at.
    ///
    /// Returns:
    ///     dict: As `exchange_code`.
    ///
    /// Raises:
    ///     SignInError: The user pressed Cancel, or the callback belongs to another sign-in, or has
    ///         no code.
    ///
    /// And those of `exchange_code`. An object that made no URL and was only given a verifier with
    /// `set_pkce_parameters` knows no state and does not check it. RFC 6749 sections 4.1.2, 10.12.
    fn fetch_token<'py>(
        slf: &Bound<'py, Self>,
        authorization_response: &Bound<'_, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        exchange::fetch(slf, authorization_response)
    }

    /// Spends the refresh token for the next pair. Threads at the same time share one request.
    ///
    /// Returns:
    ///     dict: As `exchange_code`. It is kept as `token`, also when the caller is interrupted.
    ///
    /// Raises:
    ///     SignInError: There is no refresh token, or X says that it is dead.
    ///     ConfigureError: X refused the app.
    ///     RetryError: Nothing was sent, or X asks to wait.
    ///     InDoubtError: The token may be spent, and no answer came.
    ///
    /// RFC 6749 section 6.
    fn refresh_token<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        refresh::refresh(slf)
    }

    /// Returns whether there is no token, or its end is not known or at most ten seconds away.
    ///
    /// >>> from xpkce.oauth2_auth import OAuth2PKCEAuth
    /// >>> OAuth2PKCEAuth().is_token_expired()
    /// True
    fn is_token_expired(slf: &Bound<'_, Self>) -> PyResult<bool> {
        expiry::is_expired(&landed::token(slf)?)
    }

    /// Returns the current PKCE verifier, or None.
    fn get_code_verifier<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.getattr(name!(slf.py(), code_verifier))
    }

    /// Returns the current PKCE challenge, or None.
    fn get_code_challenge<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.getattr(name!(slf.py(), code_challenge))
    }

    /// Sets the PKCE pair that the next URL or exchange uses.
    ///
    /// Args:
    ///     code_verifier (str): Up to 128 unreserved characters; RFC 7636 asks for 43 or more.
    ///     code_challenge (str | None): Its challenge; its SHA-256 in base64url if left out.
    ///
    /// Raises:
    ///     ConfigureError: When either has a character that it may not have.
    #[pyo3(signature = (code_verifier, code_challenge = None))]
    fn set_pkce_parameters(
        slf: &Bound<'_, Self>,
        code_verifier: &str,
        code_challenge: Option<&str>,
    ) -> PyResult<()> {
        let challenge = code_challenge.filter(|given| !given.is_empty());
        pair::set(slf, code_verifier, challenge)
    }

    /// str | None: The current access token, expired or not.
    #[getter]
    fn access_token<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        crate::token::access_token(&landed::token(slf)?)
    }

    /// dict | None: The current token.
    #[getter]
    fn token<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        landed::settle(slf)?;
        Ok(slf.get().desk.token(slf.py()))
    }

    #[setter]
    fn set_token(&self, py: Python<'_>, token: Py<PyAny>) {
        self.desk.set_token(py, token);
    }

    /// Forgets the token.
    #[deleter]
    fn delete_token(&self, py: Python<'_>) {
        self.desk.set_token(py, py.None());
    }

    /// str: Where the token endpoint is.
    #[getter]
    fn base_url(&self, py: Python<'_>) -> Py<PyAny> {
        self.desk.setting(py, |settings| &settings.base_url)
    }

    #[setter]
    fn set_base_url(&self, value: Py<PyAny>) {
        self.desk.set(value, |settings| &mut settings.base_url);
    }

    /// str: Where the consent page is.
    #[getter]
    fn authorization_base_url(&self, py: Python<'_>) -> Py<PyAny> {
        self.desk.setting(py, |settings| &settings.authorization_base_url)
    }

    #[setter]
    fn set_authorization_base_url(&self, value: Py<PyAny>) {
        self.desk.set(value, |settings| &mut settings.authorization_base_url);
    }

    /// str | None: The app's OAuth 2.0 client id.
    #[getter]
    fn client_id(&self, py: Python<'_>) -> Py<PyAny> {
        self.desk.setting(py, |settings| &settings.client_id)
    }

    #[setter]
    fn set_client_id(&self, value: Py<PyAny>) {
        self.desk.set(value, |settings| &mut settings.client_id);
    }

    /// str | None: The secret of a confidential app.
    #[getter]
    fn client_secret(&self, py: Python<'_>) -> Py<PyAny> {
        self.desk.setting(py, |settings| &settings.client_secret)
    }

    #[setter]
    fn set_client_secret(&self, value: Py<PyAny>) {
        self.desk.set(value, |settings| &mut settings.client_secret);
    }

    /// str | None: The callback, exactly as it is registered at X.
    #[getter]
    fn redirect_uri(&self, py: Python<'_>) -> Py<PyAny> {
        self.desk.setting(py, |settings| &settings.redirect_uri)
    }

    #[setter]
    fn set_redirect_uri(&self, value: Py<PyAny>) {
        self.desk.set(value, |settings| &mut settings.redirect_uri);
    }

    /// str | None: The scopes to ask for, with spaces between them.
    #[getter]
    fn scope(&self, py: Python<'_>) -> Py<PyAny> {
        self.desk.setting(py, |settings| &settings.scope)
    }

    #[setter]
    fn set_scope(&self, value: Py<PyAny>) {
        self.desk.set(value, |settings| &mut settings.scope);
    }

    /// str | None: The current PKCE verifier. Setting another derives the challenge, if none was set
    /// before; None forgets both.
    #[getter(code_verifier)]
    fn current_verifier(&self) -> Option<String> {
        self.desk.held().code_verifier().map(|verifier| verifier.expose().to_owned())
    }

    #[setter]
    fn set_code_verifier(&self, value: Option<&str>) -> PyResult<()> {
        pair::set_verifier(&self.desk, value)
    }

    /// str | None: The current PKCE challenge.
    #[getter(code_challenge)]
    fn current_challenge(&self) -> Option<String> {
        self.desk.challenge()
    }

    #[setter]
    fn set_code_challenge(&self, value: Option<&str>) -> PyResult<()> {
        pair::set_challenge(&self.desk, value)
    }

    /// Makes a verifier: a subclass may make its own.
    #[pyo3(signature = (length = 128))]
    fn _generate_code_verifier(&self, py: Python<'_>, length: isize) -> PyResult<Py<PyAny>> {
        pair::made_verifier(py, length)
    }

    /// Makes the challenge of a verifier: a subclass may make its own.
    fn _generate_code_challenge(&self, code_verifier: &str) -> PyResult<String> {
        pair::made_challenge(code_verifier)
    }

    /// Lets `oauth2_session` be made anew of the token: a subclass may make its own.
    fn _setup_oauth_session(&self) {
        self.desk.renew_session();
    }

    /// requests_oauthlib.OAuth2Session | None: A session with the current token, made on first use;
    /// None before there is a URL or a token. Needs the package requests-oauthlib.
    #[getter]
    fn oauth2_session<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        oauth2_session::get(slf)
    }

    #[setter]
    fn set_oauth2_session(&self, py: Python<'_>, session: Py<PyAny>) {
        self.desk.set_session(py, session);
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let name = slf.get_type().qualname()?;
        let id = slf.getattr("client_id")?.repr()?;
        let redirect = slf.getattr("redirect_uri")?.repr()?;
        let has_token = if landed::token(slf)?.is_truthy()? { "True" } else { "False" };
        Ok(format!("<{name} client_id={id} redirect_uri={redirect} has_token={has_token}>"))
    }

    // Not `__reduce_ex__`, which would come before what a subclass says in `__reduce__`.
    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "OAuth2PKCEAuth holds secrets and is not pickled or copied; pickle its token, and make \
             another object with token=...",
        ))
    }

    fn __traverse__(&self, visit: pyo3::PyVisit<'_>) -> Result<(), pyo3::PyTraverseError> {
        self.desk.traverse(&visit)
    }

    fn __clear__(&self) {
        Python::attach(|py| self.desk.clear(py));
    }
}
