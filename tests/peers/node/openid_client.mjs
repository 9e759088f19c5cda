// The whole life of a login, as openid-client has it. The test is the browser.
import { arrival, hear, say } from "./talk.mjs";
import * as client from "openid-client";

const { issuer, app, redirect, secret, method, steps, scope, extra, bye } = await hear();
const methods = { basic: client.ClientSecretBasic, post: client.ClientSecretPost, none: client.None };
const config = await client.discovery(new URL(issuer), app, undefined, methods[method](secret));

const verifier = client.randomPKCECodeVerifier();
const checks = {
  pkceCodeVerifier: verifier,
  expectedState: client.randomState(),
  expectedNonce: client.randomNonce(),
  idTokenExpected: true,
};

const request = async () => ({
  redirect_uri: redirect,
  scope,
  state: checks.expectedState,
  nonce: checks.expectedNonce,
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
  ...extra,
});

const login = async (url) => {
  say(url.href);
  const tokens = await client.authorizationCodeGrant(config, await arrival(), checks);
  return { ...tokens, claims: tokens.claims() };
};

const life = {
  login: async () => login(client.buildAuthorizationUrl(config, await request())),
  par: async () => login(await client.buildAuthorizationUrlWithPAR(config, await request())),
  device: async () => {
    const started = await client.initiateDeviceAuthorization(config, { scope });
    say(started.verification_uri_complete);
    await arrival();
    const tokens = await client.pollDeviceAuthorizationGrant(config, { ...started, interval: 1 });
    return { ...tokens, claims: tokens.claims() };
  },
  logout: async (tokens) => {
    const facts = { id_token_hint: tokens.id_token, post_logout_redirect_uri: bye, state: "a state" };
    say(client.buildEndSessionUrl(config, facts).href);
    return { ...tokens, left: (await arrival()).href };
  },
  service: async () => client.clientCredentialsGrant(config, { scope }),
  userinfo: async (tokens) => ({
    ...tokens,
    userinfo: await client.fetchUserInfo(config, tokens.access_token, tokens.claims.sub),
  }),
  refresh: async (tokens) => ({
    ...tokens,
    ...(await client.refreshTokenGrant(config, tokens.refresh_token)),
    replaced: tokens.refresh_token,
  }),
  introspect: async (tokens) => ({ ...tokens, seen: await client.tokenIntrospection(config, tokens.access_token) }),
  revoke: async (tokens) => {
    await client.tokenRevocation(config, tokens.refresh_token);
    return tokens;
  },
};

let tokens;
for (const step of steps) tokens = await life[step](tokens);
say(tokens);
