// The same life with oauth4webapi, which checks every answer to the letter and hides nothing.
import { arrival, hear, say } from "./talk.mjs";
import * as oauth from "oauth4webapi";

const { issuer, app, redirect, secret, method, steps, scope, extra } = await hear();
const methods = { basic: oauth.ClientSecretBasic, post: oauth.ClientSecretPost, none: oauth.None };
const auth = methods[method](secret);
const client = { client_id: app };
const server = await oauth.processDiscoveryResponse(
  new URL(issuer),
  await oauth.discoveryRequest(new URL(issuer), { algorithm: "oauth2" }),
);

const verifier = oauth.generateRandomCodeVerifier();
const state = oauth.generateRandomState();
const nonce = oauth.generateRandomNonce();

const request = async () =>
  new URLSearchParams({
    client_id: app,
    response_type: "code",
    redirect_uri: redirect,
    scope,
    state,
    nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    ...extra,
  });

const login = async (query) => {
  say(`${server.authorization_endpoint}?${query}`);
  const back = await arrival();
  const answer = back instanceof Request ? new URLSearchParams([...(await back.formData())]) : back;
  const params = oauth.validateAuthResponse(server, client, answer, state);
  const response = await oauth.authorizationCodeGrantRequest(server, client, auth, params, redirect, verifier);
  const tokens = await oauth.processAuthorizationCodeResponse(server, client, response, {
    expectedNonce: nonce,
    requireIdToken: true,
  });
  await oauth.validateApplicationLevelSignature(server, response);
  return { ...tokens, claims: oauth.getValidatedIdTokenClaims(tokens) };
};

const life = {
  login: async () => login(await request()),
  par: async () => {
    const response = await oauth.pushedAuthorizationRequest(server, client, auth, await request());
    const { request_uri } = await oauth.processPushedAuthorizationResponse(server, client, response);
    return login(new URLSearchParams({ client_id: app, request_uri }));
  },
  device: async () => {
    const begun = await oauth.deviceAuthorizationRequest(server, client, auth, { scope });
    const started = await oauth.processDeviceAuthorizationResponse(server, client, begun);
    say(started.verification_uri_complete);
    await arrival();
    const response = await oauth.deviceCodeGrantRequest(server, client, auth, started.device_code);
    const tokens = await oauth.processDeviceCodeResponse(server, client, response);
    return { ...tokens, claims: oauth.getValidatedIdTokenClaims(tokens) };
  },
  service: async () => {
    const response = await oauth.clientCredentialsGrantRequest(server, client, auth, { scope });
    return oauth.processClientCredentialsResponse(server, client, response);
  },
  userinfo: async (tokens) => {
    const response = await oauth.userInfoRequest(server, client, tokens.access_token);
    return { ...tokens, userinfo: await oauth.processUserInfoResponse(server, client, tokens.claims.sub, response) };
  },
  refresh: async (tokens) => {
    const response = await oauth.refreshTokenGrantRequest(server, client, auth, tokens.refresh_token);
    const next = await oauth.processRefreshTokenResponse(server, client, response);
    return { ...tokens, ...next, replaced: tokens.refresh_token };
  },
  introspect: async (tokens) => {
    const response = await oauth.introspectionRequest(server, client, auth, tokens.access_token);
    return { ...tokens, seen: await oauth.processIntrospectionResponse(server, client, response) };
  },
  revoke: async (tokens) => {
    await oauth.processRevocationResponse(await oauth.revocationRequest(server, client, auth, tokens.refresh_token));
    return tokens;
  },
  judge: async (tokens) => {
    const request = new Request(issuer, { headers: { authorization: `Bearer ${tokens.access_token}` } });
    return { ...tokens, judged: await oauth.validateJwtAccessToken(server, request, issuer) };
  },
};

let tokens;
for (const step of steps) tokens = await life[step](tokens);
say(tokens);
