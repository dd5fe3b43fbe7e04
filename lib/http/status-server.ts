/** The four HTTP paths of a long-lived process: `/health`, `/ready`, `/metrics`, `/status`. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { MetricsPage } from "../telemetry/prometheus.ts";
import { type Health, type Readiness, readinessOf, type StatusSnapshot } from "../telemetry/status.ts";

export interface StatusSources {
  snapshot(): StatusSnapshot;
  health(snapshot: StatusSnapshot): Health;
  readonly metrics: MetricsPage;
}

export interface StatusServer extends AsyncDisposable {
  /** Where it listens: the port is the real one also where 0 was asked for. */
  readonly url: string;
}

/** The port is taken, or the address is not ours. */
export class ListenError extends Error {
  override readonly name = "ListenError";
  readonly code: string;

  constructor(message: string, options: { readonly code: string; readonly cause: unknown }) {
    super(message, { cause: options.cause });
    this.code = options.code;
  }
}

interface Answer {
  readonly code: number;
  readonly contentType: string;
  readonly body: string;
}

/** Resolves once it listens. @throws ListenError */
export async function serveStatus(
  sources: StatusSources,
  address: { readonly host: string; readonly port: number },
): Promise<StatusServer> {
  const server = createServer((request, response) => void respond(sources, request, response));
  // A client that says nothing must not hold a connection of a process that runs for months.
  server.requestTimeout = 10_000;
  server.headersTimeout = 10_000;
  server.maxConnections = 256;
  await listening(server, address);
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : address.port;
  return {
    url: `http://${shownHost(address.host)}:${port}`,
    [Symbol.asyncDispose]: () => closed(server),
  };
}

function listening(server: Server, address: { readonly host: string; readonly port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) =>
      reject(new ListenError(cause.message, { code: cause.code ?? "unknown", cause })),
    );
    server.listen(address, resolve);
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** An address that a person can open. */
function shownHost(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}

async function respond(sources: StatusSources, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const answer = await answerTo(sources, request).catch((fault: unknown) => json(500, { error: String(fault) }));
  response.writeHead(answer.code, { "content-type": answer.contentType, "cache-control": "no-store" });
  response.end(request.method === "HEAD" ? undefined : answer.body);
}

async function answerTo(sources: StatusSources, request: IncomingMessage): Promise<Answer> {
  if (request.method !== "GET" && request.method !== "HEAD") return json(405, { error: "only GET" });
  switch ((request.url ?? "/").replace(/\?.*/s, "")) {
    case "/health": {
      const health = sources.health(sources.snapshot());
      return json(health.status === "stuck" ? 503 : 200, health);
    }
    case "/ready": {
      const readiness: Readiness = readinessOf(sources.snapshot());
      return json(readiness.ready ? 200 : 503, readiness);
    }
    case "/status":
      return json(200, sources.snapshot());
    case "/metrics":
      return { code: 200, contentType: sources.metrics.contentType, body: await sources.metrics.text() };
    default:
      return json(404, { error: "one of /health, /ready, /metrics, /status" });
  }
}

function json(code: number, value: unknown): Answer {
  return { code, contentType: "application/json; charset=utf-8", body: `${JSON.stringify(value, null, 2)}\n` };
}
