// An OpenID Provider that logs everybody in without asking, made of npm's `oidc-provider`. See `OpenIdProvider` in this crate.
// Arguments: the folder of the packages, the port, the port that asks for a client certificate. Started in its folder.
import crypto from 'node:crypto';
import fs from 'node:fs';
import https from 'node:https';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [TOOLS, PORT, MTLS_PORT] = process.argv.slice(2);
const { Provider, errors } = await import(pathToFileURL(createRequire(`${TOOLS}/package.json`).resolve('oidc-provider')));

const ISSUER = `https://127.0.0.1:${PORT}`;
const is = (name) => process.env[name] === '1';
const list = (name, otherwise) => (process.env[name] ? process.env[name].split(',') : otherwise);

// Other keys, with other names, at each start.
const generation = crypto.randomBytes(4).toString('hex');
const key = (type, options, more) => {
  // By way of PEM: a generated key that is exported as a JWK while its generator is collected can lock itself up.
  const { privateKey } = crypto.generateKeyPairSync(type, { ...options, privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } });
  return { ...crypto.createPrivateKey(privateKey).export({ format: 'jwk' }), use: 'sig', ...more, kid: `${more.kid}-${generation}` };
};
const jwks = { keys: [
  key('rsa', { modulusLength: 2048 }, { kid: 'rs' }),
  key('ec', { namedCurve: 'P-256' }, { kid: 'es', alg: 'ES256' }),
  key('ed25519', {}, { kid: 'ed' }),
] };
const clientJwk = crypto.createPublicKey(fs.readFileSync('client.key')).export({ format: 'jwk' });
const clientKeys = { keys: [{ ...clientJwk, kid: 'client', use: 'sig', alg: 'ES256' }, { ...clientJwk, kid: 'client-enc', use: 'enc', alg: 'ECDH-ES+A256KW' }] };
const clientCertificate = new crypto.X509Certificate(fs.readFileSync('client.pem'));

const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code';
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const common = {
  redirect_uris: list('REDIRECT_URIS', ['http://127.0.0.1:18099/callback']),
  post_logout_redirect_uris: list('POST_LOGOUT_REDIRECT_URIS', ['http://127.0.0.1:18099/out']),
  response_types: ['code'],
  grant_types: ['authorization_code', 'refresh_token', 'client_credentials', DEVICE, EXCHANGE],
};
// An address of every client, or of those that are named: `one=http://..,other=http://..`.
const address = (name, client) => list(name, []).map((one) => /^(?:([a-z-]+)=)?(.+)$/.exec(one)).find(([, of]) => (of ?? client) === client)?.[2];
const withLogout = (client) => {
  const uri = address('BACKCHANNEL_LOGOUT_URI', client.client_id);
  return uri ? { ...client, backchannel_logout_uri: uri, backchannel_logout_session_required: true } : client;
};
const secret = (name) => `${name}-secret-of-tests-only-0123456789`;
const confidential = (name) => ({ ...common, client_id: name, client_secret: secret(name) });
const user_grants = ['authorization_code', 'refresh_token', DEVICE];
const keyed = (name) => ({ ...common, client_id: name, token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'ES256', jwks: clientKeys });
const fapi = { require_pushed_authorization_requests: true, id_token_signed_response_alg: 'ES256', authorization_signed_response_alg: 'ES256' };
const envelope = (of) => ({ [`${of}_encrypted_response_alg`]: 'ECDH-ES+A256KW', [`${of}_encrypted_response_enc`]: 'A256GCM' });
const clients = [
  confidential('basic'),
  { ...confidential('post'), token_endpoint_auth_method: 'client_secret_post' },
  { ...common, client_id: 'public', token_endpoint_auth_method: 'none', grant_types: user_grants },
  // Any port of its loopback addresses will do (RFC 8252 §7.3).
  { ...common, client_id: 'native', application_type: 'native', token_endpoint_auth_method: 'none', grant_types: user_grants, redirect_uris: ['http://127.0.0.1/callback'] },
  { ...confidential('jarm'), authorization_signed_response_alg: 'ES256', id_token_signed_response_alg: 'ES256' },
  { ...confidential('signed-userinfo'), userinfo_signed_response_alg: 'ES256' },
  { ...confidential('encrypted'), jwks: clientKeys, id_token_encrypted_response_alg: 'ECDH-ES+A256KW', id_token_encrypted_response_enc: 'A256GCM' },
  { ...confidential('sealed'), jwks: clientKeys, authorization_signed_response_alg: 'ES256', userinfo_signed_response_alg: 'ES256', ...envelope('id_token'), ...envelope('authorization'), ...envelope('userinfo') },
  { ...confidential('dpop'), dpop_bound_access_tokens: true },
  keyed('keyed'),
  { ...keyed('fapi-dpop'), ...fapi, dpop_bound_access_tokens: true },
  { ...keyed('fapi-mtls'), ...fapi, tls_client_certificate_bound_access_tokens: true },
  { ...common, client_id: 'mtls', ...fapi, token_endpoint_auth_method: 'tls_client_auth', tls_client_auth_san_dns: 'client.axess.test', tls_client_certificate_bound_access_tokens: true },
  { ...common, client_id: 'self-signed', ...fapi, token_endpoint_auth_method: 'self_signed_tls_client_auth', tls_client_certificate_bound_access_tokens: true,
    jwks: { keys: [{ ...clientJwk, kid: 'client', x5c: [clientCertificate.raw.toString('base64')] }] } },
].map(withLogout);

const wrappings = ['RSA-OAEP', 'RSA-OAEP-256', 'ECDH-ES', 'ECDH-ES+A128KW', 'ECDH-ES+A256KW'];
const resourceServer = (resource) => ({ scope: 'api:read api:write', audience: resource, accessTokenTTL: 300, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } });
const certificate = (ctx) => { const peer = ctx.req.socket.getPeerCertificate?.(true); return peer?.raw ? new crypto.X509Certificate(peer.raw) : undefined; };
const groups = { alice: ['admins', 'dev'] };
const claimsOf = (id) => ({ sub: id, email: `${id}@example.test`, email_verified: id !== 'mallory', name: `The ${id}`, preferred_username: id, groups: groups[id] ?? ['dev'] });

const op = new Provider(ISSUER, {
  clients, jwks,
  scopes: ['openid', 'offline_access', 'profile', 'email', 'groups', 'api:read', 'api:write'],
  claims: { openid: ['sub'], acr: null, auth_time: null, amr: null, email: ['email', 'email_verified'], profile: ['name', 'preferred_username'], groups: ['groups'] },
  acrValues: ['urn:test:bronze'],
  clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt', 'tls_client_auth', 'self_signed_tls_client_auth'],
  enabledJWA: { idTokenEncryptionAlgValues: wrappings, authorizationEncryptionAlgValues: wrappings, userinfoEncryptionAlgValues: wrappings, authorizationSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA'], userinfoSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA'] },
  pkce: { required: () => true },
  findAccount: async (ctx, id) => ({ accountId: id, claims: async () => claimsOf(id) }),
  issueRefreshToken: async (ctx, client, code) => client.grantTypeAllowed('refresh_token') && code.scopes.has('offline_access'),
  // FAPI 2.0 §5.3.2.1 advises against rotation.
  rotateRefreshToken: (ctx) => !ctx.oidc.client.clientId.startsWith('fapi'),
  conformIdTokenClaims: process.env.CLAIMS_IN_ID_TOKEN !== '1',
  // It would refuse loopback addresses for keys and logouts.
  fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  ttl: { AccessToken: 300, AuthorizationCode: 60, IdToken: 300, RefreshToken: 86400, Session: 3600, Grant: 3600, Interaction: 600, DeviceCode: 120, ClientCredentials: 300 },
  discovery: { mtls_endpoint_aliases: Object.fromEntries([['token_endpoint', 'token'], ['revocation_endpoint', 'token/revocation'], ['introspection_endpoint', 'token/introspection'],
    ['pushed_authorization_request_endpoint', 'request'], ['userinfo_endpoint', 'me'], ['device_authorization_endpoint', 'device/auth']].map(([name, path]) => [name, `https://127.0.0.1:${MTLS_PORT}/${path}`])) },
  features: {
    devInteractions: { enabled: false },
    dPoP: { enabled: true, nonceSecret: crypto.randomBytes(32), requireNonce: () => is('DPOP_NONCE') },
    pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: is('REQUIRE_PAR') },
    jwtResponseModes: { enabled: true },
    jwtUserinfo: { enabled: true },
    fapi: { enabled: true, profile: (ctx, client) => (client?.clientId.startsWith('fapi') ? '2.0' : undefined) },
    rpInitiatedLogout: { enabled: true, logoutSource: (ctx, form) => { ctx.body = `<!doctype html><title>Logout</title>${form}<button form="op.logoutForm" name="logout" value="yes">Sign out</button>`; } },
    backchannelLogout: { enabled: true },
    deviceFlow: { enabled: true, userCodeInputSource: (ctx, form) => { ctx.body = form; }, userCodeConfirmSource: (ctx, form) => { ctx.body = form; }, successSource: (ctx) => { ctx.body = 'device ok'; } },
    clientCredentials: { enabled: true }, introspection: { enabled: true }, revocation: { enabled: true }, claimsParameter: { enabled: true }, encryption: { enabled: true },
    registration: { enabled: is('REGISTRATION') },
    resourceIndicators: { enabled: true, defaultResource: () => undefined, useGrantedResource: () => true, getResourceServerInfo: async (ctx, resource) => resourceServer(resource) },
    mTLS: { enabled: true, certificateBoundAccessTokens: true, tlsClientAuth: true, selfSignedTlsClientAuth: true, getCertificate: certificate,
      certificateAuthorized: (ctx) => ctx.req.socket.authorized === true,
      certificateSubjectMatches: (ctx, property, expected) => property === 'tls_client_auth_san_dns' && !!certificate(ctx)?.subjectAltName?.split(', ').includes(`DNS:${expected}`) },
  },
});

// RFC 8693: a subject token of this provider for one with another audience; with an actor token, delegation.
op.registerGrantType(EXCHANGE, async (ctx) => {
  const { params, client } = ctx.oidc;
  const subject = (await op.AccessToken.find(params.subject_token ?? ''))?.accountId;
  if (!subject) throw new errors.InvalidGrant('subject_token is not valid');
  const resource = params.resource ?? params.audience ?? 'urn:exchanged';
  const scope = params.scope ?? 'api:read';
  const grant = new op.Grant({ accountId: subject, clientId: client.clientId });
  grant.addResourceScope(resource, scope);
  const token = new op.AccessToken({ accountId: subject, client, grantId: await grant.save(), gty: 'token_exchange', scope });
  token.resourceServer = new op.ResourceServer(resource, resourceServer(resource));
  if (params.actor_token) token.extra = { act: { sub: client.clientId } };
  ctx.body = { access_token: await token.save(), issued_token_type: 'urn:ietf:params:oauth:token-type:access_token', token_type: token.tokenType, expires_in: token.expiration, scope };
}, ['subject_token', 'subject_token_type', 'actor_token', 'actor_token_type', 'audience', 'resource', 'scope', 'requested_token_type'], ['audience', 'resource']);

const escaped = (text) => text.replace(/[&"<>]/g, (one) => `&#${one.charCodeAt(0)};`);

// OpenID Connect Front-Channel Logout 1.0, which the package has no more: before the browser goes on, a page frames the address of
// each client that the session was used at.
op.use(async (ctx, next) => {
  await next();
  if (!process.env.FRONTCHANNEL_LOGOUT_URI || ctx.path !== '/session/end/confirm' || ctx.status !== 303) return;
  const onwards = ctx.response.get('location');
  ctx.response.remove('location');
  const frames = Object.entries(ctx.oidc.session.authorizations ?? {}).map(([client, { sid }]) => {
    const uri = address('FRONTCHANNEL_LOGOUT_URI', client);
    return uri ? `<iframe src="${escaped(`${uri}?${new URLSearchParams({ iss: ISSUER, sid })}`)}"></iframe>` : '';
  });
  ctx.status = 200;
  ctx.type = 'html';
  ctx.body = `<!doctype html><title>Signing out</title>${frames.join('')}<script>addEventListener('load', () => location.replace(${JSON.stringify(onwards)}))</script>`;
});

// What a page asks for; nothing before it was asked.
const typed = async (ctx, title, fields) => {
  if (ctx.method === 'POST') {
    let text = '';
    for await (const part of ctx.req) text += part;
    return new URLSearchParams(text);
  }
  ctx.type = 'html';
  ctx.body = `<!doctype html><title>${title}</title><form method="post">${fields}<button>${title}</button></form>`;
  return undefined;
};

// Whom the login hint names is logged in (else alice), and gets what the client asks for. The hint `deny` says no. With `ASK` it is
// whoever types a name and `NAMEpass`, and says yes to what the client asks for.
op.use(async (ctx, next) => {
  if (!/^\/interaction\/[^/]+$/.test(ctx.path)) return next();
  const { prompt, params, session, grantId } = await op.interactionDetails(ctx.req, ctx.res);
  const finish = async (result, mergeWithLastSubmission) => { await op.interactionFinished(ctx.req, ctx.res, result, { mergeWithLastSubmission }); ctx.respond = false; };
  const fields = prompt.name === 'login' ? '<input name="name"><input name="password" type="password">' : '';
  const form = is('ASK') ? await typed(ctx, fields ? 'Sign in' : 'Allow', fields) : new URLSearchParams();
  if (!form || (is('ASK') && fields && form.get('password') !== `${form.get('name')}pass`)) return ctx.body ? undefined : ctx.redirect(ctx.path);
  const who = form.get('name') || params.login_hint || 'alice';
  if (who === 'deny') return finish({ error: 'access_denied', error_description: 'the user said no' }, false);
  if (prompt.name === 'login') return finish({ login: { accountId: who, amr: ['pwd'], acr: 'urn:test:bronze' } }, false);
  const grant = grantId ? await op.Grant.find(grantId) : new op.Grant({ accountId: session.accountId, clientId: params.client_id });
  if (prompt.details.missingOIDCScope) grant.addOIDCScope(prompt.details.missingOIDCScope.join(' '));
  if (prompt.details.missingOIDCClaims) grant.addOIDCClaims(prompt.details.missingOIDCClaims);
  for (const [resource, scopes] of Object.entries(prompt.details.missingResourceScopes ?? {})) grant.addResourceScope(resource, scopes.join(' '));
  return finish({ consent: { grantId: await grant.save() } }, true);
});
for (const event of ['server_error', 'grant.error', 'authorization.error', 'pushed_authorization_request.error', 'backchannel.error', 'userinfo.error', 'introspection.error']) {
  op.on(event, (...about) => { const error = about.find((one) => one instanceof Error); console.error(event, error?.message, error?.error_description ?? '', error?.error_detail ?? ''); });
}

const tls = { key: fs.readFileSync('server.key'), cert: fs.readFileSync('server.pem') };
const serve = (options, port) => new Promise((resolve) => { https.createServer(options, op.callback()).listen(+port, '127.0.0.1', resolve); });
await serve(tls, PORT);
await serve({ ...tls, ca: fs.readFileSync('ca.pem'), requestCert: true, rejectUnauthorized: false }, MTLS_PORT);
console.log('READY', ISSUER);
process.on('SIGTERM', () => process.exit(0));
