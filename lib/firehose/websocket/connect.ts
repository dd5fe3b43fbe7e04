/** A URL → an open, paused websocket, or the reason why there is none. Follows redirects; gives up after a time. */
import type { IncomingMessage } from "node:http";
import { WebSocket } from "ws";
import { describeHttpAnswer, parseRetryAfter } from "./http-refusal.ts";
import { websocketUrl } from "./relay-address.ts";
import type { WebsocketSettings } from "./settings.ts";

export type ConnectResult =
  /** Paused, so that no frame passes before somebody listens. */
  | { readonly ok: true; readonly socket: WebSocket; readonly url: URL }
  | { readonly ok: false; readonly detail: string; readonly retryAfterMs: number | null };

export interface ConnectOptions {
  readonly url: URL;
  readonly maxPayloadBytes: number;
  readonly settings: Pick<WebsocketSettings, "connectTimeoutMs" | "maxRedirects" | "maxRetryAfterMs">;
  readonly nowMs: () => number;
  /** Its abort ends the attempt like a refusal. */
  readonly signal: AbortSignal;
}

type Attempt = ConnectResult | { readonly redirect: string };

/** An HTML page in place of a websocket is read so far, for its title. */
const SHOWN_BODY_BYTES = 4096;

export async function connect(options: ConnectOptions): Promise<ConnectResult> {
  let url = options.url;
  for (let redirects = 0; ; redirects += 1) {
    const attempt = await attemptOnce(url, options);
    if (!("redirect" in attempt)) return attempt;
    if (redirects === options.settings.maxRedirects) return refused(`more than ${redirects} redirects`);
    const target = redirectTarget(url, attempt.redirect);
    if (target === null) return refused(`redirect to ${JSON.stringify(attempt.redirect.slice(0, 200))} not followed`);
    url = target;
  }
}

/** Websocket URLs only, and never from TLS to plain text. */
function redirectTarget(from: URL, location: string): URL | null {
  if (!URL.canParse(location, from.href)) return null;
  const target = websocketUrl(new URL(location, from.href));
  if (target === null || (from.protocol === "wss:" && target.protocol === "ws:")) return null;
  target.hash = "";
  // Many redirect rules drop the query, and without the cursor we would read from live.
  const cursor = from.searchParams.get("cursor");
  if (cursor !== null && !target.searchParams.has("cursor")) target.searchParams.set("cursor", cursor);
  return target;
}

function attemptOnce(url: URL, options: ConnectOptions): Promise<Attempt> {
  const { promise, resolve } = Promise.withResolvers<Attempt>();
  const socket = new WebSocket(url.href, {
    // A relay's frames are signed CBOR that hardly shrinks; inflating them would cost more than the decoding.
    perMessageDeflate: false,
    maxPayload: options.maxPayloadBytes,
    skipUTF8Validation: true,
    headers: { "User-Agent": "standpipe" },
  });
  const giveUp = (detail: string): void => {
    resolve(refused(detail));
    socket.terminate();
  };
  const onAbort = (): void => giveUp("stopped");
  const timer = setTimeout(
    () => giveUp(`no websocket within ${options.settings.connectTimeoutMs} ms`),
    options.settings.connectTimeoutMs,
  );
  options.signal.addEventListener("abort", onAbort, { once: true });
  socket.on("error", (error) => resolve(refused(describeNetworkError(error))));
  socket.once("open", () => {
    socket.pause();
    resolve({ ok: true, socket, url });
  });
  socket.once("unexpected-response", (_request, response) => {
    void readAnswer(response, options).then((attempt) => {
      resolve(attempt);
      socket.terminate();
    });
  });
  if (options.signal.aborted) onAbort();
  return promise.finally(() => {
    clearTimeout(timer);
    options.signal.removeEventListener("abort", onAbort);
  });
}

async function readAnswer(response: IncomingMessage, { nowMs, settings }: ConnectOptions): Promise<Attempt> {
  const status = response.statusCode ?? 0;
  const { location } = response.headers;
  if (status >= 300 && status < 400 && location !== undefined) return { redirect: location };
  const retryAfter = response.headers["retry-after"] ?? null;
  const detail = describeHttpAnswer({
    status,
    statusText: response.statusMessage ?? "",
    contentType: response.headers["content-type"] ?? "",
    retryAfter,
    body: await readStart(response),
  });
  return { ok: false, detail, retryAfterMs: parseRetryAfter(retryAfter, nowMs(), settings.maxRetryAfterMs) };
}

async function readStart(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= SHOWN_BODY_BYTES) break;
    }
  } catch {
    // The status line alone says enough.
  }
  return Buffer.concat(chunks).subarray(0, SHOWN_BODY_BYTES).toString("utf8");
}

/** Node's network errors carry their cause in `code`; an AggregateError (several addresses tried) has an empty message. */
export function describeNetworkError(error: Error & { readonly code?: string }): string {
  if (error.message !== "") return error.message;
  return error.code ?? error.name;
}

function refused(detail: string): ConnectResult & { readonly ok: false } {
  return { ok: false, detail, retryAfterMs: null };
}
