"""A keeper's tokens for ``requests``.

requests.get("https://api.x.com/2/users/me", auth=keeper.requests_auth())
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from requests.auth import AuthBase

from . import _origin
from .errors import XpkceError

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

    from .keeper import Keeper

__all__ = ["RequestsAuth"]

_NO_POSITION = object()


class RequestsAuth(AuthBase):
    """Authorizes requests to X's API. On 401 the token is renewed and the request sent once more.

    A token under ten seconds old is not renewed but sent once more two seconds later: X is known to
    refuse those for a moment. A body that cannot be sent again, such as a generator, is not: the
    401 is returned, and the next request renews the token. Never on 403: a missing scope is not
    mended by a rotation.
    """

    def __init__(self, keeper: Keeper, user: str | None = None) -> None:
        self._keeper, self._user = keeper, user

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Puts a valid token into the request."""
        _origin.check(request.url or "", self._keeper._kept.base_url())
        token = self._keeper.access_token(self._user)
        request.headers["Authorization"] = f"Bearer {token}"
        position = _position(request.body)

        def once_more(response: Response, **settings: Any) -> Response:
            if response.status_code != 401 or response.history or not _bears(response, token):
                return response
            if _rewind(request, position):
                return self._again(response, token, settings)
            self._note(token)
            return response

        request.register_hook("response", once_more)  # type: ignore[no-untyped-call]
        return request

    def _again(self, response: Response, token: str, settings: dict[str, Any]) -> Response:
        again = response.request.copy()
        renewed = self._keeper.rejected(token, self._user)
        response.content  # noqa: B018 - lets go of the connection
        response.close()
        again.headers["Authorization"] = f"Bearer {renewed}"
        again.hooks = {"response": []}
        answer: Response = response.connection.send(again, **settings)
        answer.history.append(response)
        answer.request = again
        return answer

    def _note(self, token: str) -> None:
        try:
            self._keeper._kept.note_rejected(token, self._user or self._keeper.user, False)
        except XpkceError:
            pass  # The caller has X's answer in hand; the next call says what is wrong.

    def __repr__(self) -> str:
        return f"<RequestsAuth {self._keeper!r}>"


def _bears(response: Response, token: str) -> bool:
    """Whether the token was sent: a redirect to elsewhere takes it away."""
    return response.request.headers.get("Authorization") == f"Bearer {token}"


def _position(body: Any) -> Any:
    try:
        return body.tell()
    except (AttributeError, OSError, ValueError):
        return _NO_POSITION


def _rewind(request: PreparedRequest, position: Any) -> bool:
    body: Any = request.body
    if body is None or isinstance(body, (bytes, str)):
        return True
    if position is _NO_POSITION:
        return False
    try:
        body.seek(position)
    except (AttributeError, OSError, ValueError):  # It cannot, or it was closed.
        return False
    return True
