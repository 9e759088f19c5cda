// An agent on the TypeScript SDK of MCP: it calls a tool, refreshes, and connects anew when its refresh token is dead.
import { arrival, hear, say } from "./talk.mjs";
import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const { url, app, said } = await hear();
const kept = {};
const auth = {
  redirectUrl: said.redirect_uris[0],
  clientMetadata: said,
  clientMetadataUrl: app ?? undefined,
  clientInformation: () => kept.app,
  saveClientInformation: (information) => void (kept.app = information),
  tokens: () => kept.tokens,
  saveTokens: (tokens) => void (kept.tokens = tokens),
  codeVerifier: () => kept.verifier,
  saveCodeVerifier: (verifier) => void (kept.verifier = verifier),
  redirectToAuthorization: (to) => void (kept.to = to),
  invalidateCredentials: (what) => what === "tokens" && delete kept.tokens,
};

const connect = async () => {
  const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: auth });
  const client = new Client({ name: "agent", version: "1" });
  try {
    await client.connect(transport);
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error;
    say(kept.to.href);
    await transport.finishAuth((await arrival()).searchParams.get("code"));
    return connect();
  }
  return client;
};

const whoami = async () => {
  const client = await connect();
  const result = await client.callTool({ name: "whoami", arguments: {} });
  await client.close();
  return result.content[0].text;
};

const heard = [await whoami(), await whoami()];
const first = kept.tokens.refresh_token;
kept.tokens.access_token = "it expired";
heard.push(await whoami());
const rotated = kept.tokens.refresh_token !== first;
say("revoke");
say({ client_id: kept.app.client_id });
await hear();
kept.tokens.access_token = "it expired";
heard.push(await whoami());
say({ said: heard, rotated, client_id: kept.app.client_id });
process.exit();
