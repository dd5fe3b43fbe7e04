/** A relay as the operator wrote it → its host (which cursors are kept under) and the URL to subscribe at. */

const SUBSCRIBE_PATH = "/xrpc/com.atproto.sync.subscribeRepos";
const SCHEMES: Readonly<Record<string, string>> = { "ws:": "ws:", "wss:": "wss:", "http:": "ws:", "https:": "wss:" };

/** The setting can never work: no URL, or not one of a websocket. */
export class InvalidRelayError extends Error {
  override readonly name = "InvalidRelayError";
}

export interface RelayAddress {
  /** Host, with the port where it is not the scheme's own. */
  readonly host: string;
  /** Without `cursor`. */
  readonly url: URL;
}

/** Takes `wss://host`, `ws://host:port`, also `https` and `http`. Throws InvalidRelayError. */
export function parseRelayAddress(text: string): RelayAddress {
  if (!URL.canParse(text)) throw new InvalidRelayError(`relay is no URL: ${JSON.stringify(text)}`);
  const url = websocketUrl(new URL(text));
  if (url === null || url.host === "")
    throw new InvalidRelayError(`relay must be ws:// or wss://: ${JSON.stringify(text)}`);
  url.hash = "";
  url.search = "";
  const base = url.pathname.replace(/\/+$/, "");
  url.pathname = base.endsWith(SUBSCRIBE_PATH) ? base : base + SUBSCRIBE_PATH;
  return { host: url.host, url };
}

/** The same URL with a websocket scheme; null where the scheme is neither ws, wss, http nor https. */
export function websocketUrl(url: URL): URL | null {
  const scheme = SCHEMES[url.protocol];
  if (scheme === undefined) return null;
  // The URL class forbids changing some schemes in place, but not http(s) → ws(s): all four are special.
  const copy = new URL(url);
  copy.protocol = scheme;
  return copy;
}

/** Where to connect for reading after `seq`; null reads from live. */
export function subscribeUrl(relay: RelayAddress, seq: number | null): URL {
  const url = new URL(relay.url);
  if (seq !== null) url.searchParams.set("cursor", String(seq));
  return url;
}
