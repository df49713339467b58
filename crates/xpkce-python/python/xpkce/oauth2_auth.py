"""X's class ``OAuth2PKCEAuth``, in the module that it has in X's own package.

>>> from xpkce.oauth2_auth import OAuth2PKCEAuth
>>> OAuth2PKCEAuth(client_id="an-id")
<OAuth2PKCEAuth client_id='an-id' redirect_uri=None has_token=False>
"""

from ._native import OAuth2PKCEAuth

__all__ = ["OAuth2PKCEAuth"]
