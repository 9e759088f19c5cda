// How a script talks with the test that runs it: one JSON value on each line, in both directions.
import { webcrypto } from "node:crypto";
import { createInterface } from "node:readline";

globalThis.crypto ??= webcrypto; // Node.js 18 has it, under another name.

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

export const hear = async () => JSON.parse((await lines.next()).value);
export const say = (value) => console.log(JSON.stringify(value));

/** The request that brought the browser back: a URL, or the form that was posted to it. */
export const arrival = async () => {
  const { url, form } = await hear();
  if (!form) return new URL(url);
  return new Request(url, { method: "POST", body: new URLSearchParams(form) });
};
