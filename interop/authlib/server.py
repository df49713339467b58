"""An authorization server by Authlib and Flask, at the paths where X has its own.

Reads its clients from standard input and prints its port as one line of JSON. The consent page
is a form. `/seen` tells what the token endpoints were sent, `/alive` whether a token still works:
the driver's two questions.
"""

import json
import os
import secrets
import sys
import time

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import grants
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from flask import Flask, jsonify, request
from werkzeug.serving import make_server

from records import Client, Code, Token

USER = "ann"
AUTH_METHODS = ["client_secret_basic", "none"]

clients = {one["client_id"]: Client(**one) for one in json.load(sys.stdin)}
codes: dict[str, Code] = {}
tokens: list[Token] = []
seen: list[dict] = []


class CodeGrant(grants.AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def save_authorization_code(self, code, oauth_request):
        payload = oauth_request.payload
        codes[code] = Code(
            code=code,
            client_id=payload.client_id,
            redirect_uri=payload.redirect_uri,
            scope=payload.scope,
            code_challenge=payload.data["code_challenge"],
            code_challenge_method=payload.data["code_challenge_method"],
        )

    def query_authorization_code(self, code, client):
        found = codes.get(code)
        return found if found and found.client_id == client.client_id else None

    def delete_authorization_code(self, authorization_code):
        del codes[authorization_code.code]

    def authenticate_user(self, authorization_code):
        return USER


class RefreshGrant(grants.RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token):
        return next((t for t in tokens if t.refresh_token == refresh_token and t.is_live), None)

    def authenticate_user(self, refresh_token):
        return USER

    def revoke_old_credential(self, refresh_token):
        refresh_token.is_live = False


class Revocation(RevocationEndpoint):
    CLIENT_AUTH_METHODS = AUTH_METHODS

    def query_token(self, token_string, token_type_hint):
        return find(token_string)

    def revoke_token(self, token, oauth_request):
        token.is_live = False


def find(text):
    return next((t for t in tokens if text in (t.access_token, t.refresh_token)), None)


def save_token(token, oauth_request):
    tokens.append(
        Token(
            client_id=oauth_request.client.client_id,
            access_token=token["access_token"],
            refresh_token=token["refresh_token"],
            scope=token["scope"],
            issued_at=int(time.time()),
        )
    )


app = Flask(__name__)
app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = lambda **_: secrets.token_urlsafe(48)
server = AuthorizationServer(app, clients.get, save_token)
server.register_grant(CodeGrant, [CodeChallenge(required=True)])
server.register_grant(RefreshGrant)
server.register_endpoint(Revocation)


@app.before_request
def see():
    if request.path.startswith("/2/oauth2/"):
        seen.append({"path": request.path, "authorization": request.headers.get("Authorization")})


@app.get("/i/oauth2/authorize")
def consent():
    server.get_consent_grant(end_user=USER)
    return '<form method="post"><button name="approve">Allow</button></form>'


@app.post("/i/oauth2/authorize")
def approve():
    grant = server.get_consent_grant(end_user=USER)
    return server.create_authorization_response(grant=grant, grant_user=USER)


@app.post("/2/oauth2/token")
def issue_token():
    return server.create_token_response()


@app.post("/2/oauth2/revoke")
def revoke_token():
    return server.create_endpoint_response("revocation")


@app.get("/seen")
def tell_seen():
    return jsonify(seen)


@app.get("/alive")
def tell_alive():
    token = find(request.args["token"])
    return jsonify(bool(token and token.is_live))


http = make_server("127.0.0.1", 0, app, threaded=True)
print(json.dumps({"port": http.server_port}), flush=True)
http.serve_forever()
