// An authorization server by `oidc-provider`, at the paths where X has its own.
//
// Reads its clients from standard input, prints its port as one line of JSON, and approves every
// sign-in by itself. `/seen` tells what the token endpoints were sent, `/alive` whether a token
// still works: the driver's two questions.

import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

import Provider from 'oidc-provider';

const SCOPES = ['tweet.read', 'users.read', 'offline.access'];

const asClient = ({ client_id, client_secret, redirect_uri }) => ({
  client_id,
  redirect_uris: [redirect_uri],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  ...(client_secret === null
    ? { token_endpoint_auth_method: 'none', application_type: 'native' }
    : { token_endpoint_auth_method: 'client_secret_basic', client_secret }),
});

const configuration = (clients) => ({
  clients: clients.map(asClient),
  scopes: SCOPES,
  routes: {
    authorization: '/i/oauth2/authorize',
    token: '/2/oauth2/token',
    revocation: '/2/oauth2/revoke',
  },
  features: { devInteractions: { enabled: false }, revocation: { enabled: true } },
  pkce: { required: () => true, methods: ['S256'] },
  rotateRefreshToken: true,
  issueRefreshToken: () => true,
  ttl: { AccessToken: 7200, RefreshToken: 86400, Grant: 86400, Session: 86400, Interaction: 600 },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  interactions: { url: (_, interaction) => `/approve/${interaction.uid}` },
  cookies: { keys: ['interop'] },
});

async function approve(provider, request, response) {
  const { prompt, params, grantId } = await provider.interactionDetails(request, response);
  if (prompt.name === 'login') {
    const result = { login: { accountId: 'ann' } };
    return provider.interactionFinished(request, response, result);
  }
  const grant = grantId
    ? await provider.Grant.find(grantId)
    : new provider.Grant({ accountId: 'ann', clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  const result = { consent: { grantId: await grant.save() } };
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
}

async function isAlive(provider, token) {
  const found =
    (await provider.AccessToken.find(token)) ?? (await provider.RefreshToken.find(token));
  return Boolean(found?.isValid);
}

function answer(response, value) {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(value));
}

const clients = JSON.parse(await text(process.stdin));
const server = createServer();
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const { port } = server.address();
const base = `http://127.0.0.1:${port}`;
const provider = new Provider(base, configuration(clients));
const seen = [];

server.on('request', (request, response) => {
  const url = new URL(request.url, base);
  if (url.pathname === '/seen') return answer(response, seen);
  if (url.pathname === '/alive') {
    return isAlive(provider, url.searchParams.get('token')).then((is) => answer(response, is));
  }
  if (url.pathname.startsWith('/approve/')) return approve(provider, request, response);
  if (url.pathname.startsWith('/2/oauth2/')) {
    const { authorization = null } = request.headers;
    seen.push({ path: url.pathname, authorization });
  }
  return provider.callback()(request, response);
});
console.log(JSON.stringify({ port }));
