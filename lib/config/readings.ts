/** How the text of the less simple settings is read: a value, or undefined where it is not allowed. */

/** Comma list of relays, each as it was written; the source makes the address to subscribe at of it. */
export function readRelayUrls(text: string): readonly string[] | undefined {
  const relays = text.split(",").map((item) => item.trim());
  return relays.every(isRelayUrl) ? [...new Set(relays)] : undefined;
}

function isRelayUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^(ws|http)s?:$/.test(url.protocol) || url.hostname === "") return false;
  // A cursor in the address would bypass the saved one, a password would end up in logs and status.
  return url.username === "" && url.password === "" && url.search === "" && url.hash === "";
}

export function readDatabaseUrl(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url !== undefined && /^postgres(ql)?:$/.test(url.protocol) ? text : undefined;
}

export function readSwitch(text: string): boolean | undefined {
  return { true: true, false: false }[text.toLowerCase()];
}

const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export function readLogLevel(text: string): LogLevel | undefined {
  const lower = text.toLowerCase();
  const level = lower === "warning" ? "warn" : lower;
  return LOG_LEVELS.find((known) => known === level);
}

/** `*`, an NSID (three segments or more), or leading segments of one with `.*` behind them. */
const SEGMENT = "[a-zA-Z](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?";
const COLLECTION_PATTERN = new RegExp(`^(?:\\*|${SEGMENT}(?:\\.${SEGMENT}){2,}|${SEGMENT}(?:\\.${SEGMENT})*\\.\\*)$`);

export function readCollectionPatterns(text: string): readonly string[] | undefined {
  const patterns = text.split(",").map((item) => item.trim());
  return patterns.every((pattern) => pattern.length <= 317 && COLLECTION_PATTERN.test(pattern)) ? patterns : undefined;
}
