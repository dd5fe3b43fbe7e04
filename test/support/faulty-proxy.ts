/** An HTTP proxy in front of an AWS API server that answers as AWS does on a bad day. */
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";

export type Fault =
  /** The call goes through. */
  | { readonly kind: "none" }
  /** Refused before it took place. */
  | { readonly kind: "error"; readonly status: number; readonly type: string }
  /** It took place, and the answer says that it failed. */
  | { readonly kind: "error-after"; readonly status: number; readonly type: string }
  /** Entries of a PutRecords call for which `fails` says so are not passed on, and answered with the code. */
  | { readonly kind: "partial"; readonly code: string; readonly fails: (index: number) => boolean }
  /** It takes place; the answer comes late. */
  | { readonly kind: "slow"; readonly ms: number }
  /** The connection is cut, after the call took place. */
  | { readonly kind: "cut" };

export interface ProxiedCall {
  /** `PutRecords`. */
  readonly action: string;
  readonly body: Record<string, unknown>;
}

export interface FaultyProxy extends AsyncDisposable {
  readonly endpoint: string;
  /** Every call that came in. */
  readonly calls: ProxiedCall[];
  /** How the next calls are answered; as it is until told otherwise. */
  decide: (call: ProxiedCall) => Fault;
}

const NO_FAULT: Fault = { kind: "none" };

export async function startFaultyProxy(target: string): Promise<FaultyProxy> {
  const proxy: Pick<FaultyProxy, "calls" | "decide"> = { calls: [], decide: () => NO_FAULT };
  const server = createServer((request, response) => {
    handle(request, response, { target, proxy }).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(proxy, {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

interface Context {
  readonly target: string;
  readonly proxy: Pick<FaultyProxy, "calls" | "decide">;
}

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

async function handle(request: IncomingMessage, response: ServerResponse, { target, proxy }: Context): Promise<void> {
  const body = await readJson(request);
  const action = String(request.headers["x-amz-target"] ?? "").replace(/^.*\./, "");
  const call = { action, body };
  proxy.calls.push(call);
  const fault = proxy.decide(call);
  const answer = await answerWith(fault, { request, body, target });
  if (answer === null) response.destroy();
  else response.writeHead(answer.status, answer.headers).end(answer.body);
}

interface Passed {
  readonly request: IncomingMessage;
  readonly body: Record<string, unknown>;
  readonly target: string;
}

async function answerWith(fault: Fault, passed: Passed): Promise<Answer | null> {
  switch (fault.kind) {
    case "none":
      return pass(passed);
    case "error":
      return errorAnswer(fault);
    case "error-after":
      await pass(passed);
      return errorAnswer(fault);
    case "slow": {
      const answer = await pass(passed);
      await sleep(fault.ms);
      return answer;
    }
    case "cut":
      await pass(passed);
      return null;
    case "partial":
      return partly(fault, passed);
  }
}

function errorAnswer({ status, type }: { readonly status: number; readonly type: string }): Answer {
  const headers = { "content-type": "application/x-amz-json-1.1", "x-amzn-errortype": type };
  return { status, headers, body: JSON.stringify({ __type: type, message: `${type} by the proxy` }) };
}

async function partly(fault: Extract<Fault, { kind: "partial" }>, passed: Passed): Promise<Answer> {
  const records = passed.body["Records"] as readonly unknown[];
  const kept = records.filter((_, index) => !fault.fails(index));
  const answer =
    kept.length === 0
      ? { status: 200, headers: { "content-type": "application/x-amz-json-1.1" }, body: '{"Records":[]}' }
      : await pass({ ...passed, body: { ...passed.body, Records: kept } });
  const results = (JSON.parse(answer.body) as { Records: unknown[] }).Records.values();
  const merged = records.map((_, index) =>
    fault.fails(index) ? { ErrorCode: fault.code, ErrorMessage: `${fault.code} by the proxy` } : results.next().value,
  );
  const failed = merged.length - kept.length;
  return { ...answer, body: JSON.stringify({ FailedRecordCount: failed, Records: merged }) };
}

function pass({ request, body, target }: Passed): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const text = JSON.stringify(body);
  const { host: _host, "content-length": _length, ...headers } = request.headers;
  const onward = httpRequest(
    `${target}${request.url ?? "/"}`,
    { method: request.method, headers: { ...headers, "content-length": Buffer.byteLength(text) } },
    (response) => {
      void buffer(response).then((bytes) => {
        const type = response.headers["content-type"] ?? "application/x-amz-json-1.1";
        const errorType = response.headers["x-amzn-errortype"];
        resolve({
          status: response.statusCode ?? 500,
          headers: {
            "content-type": type,
            ...(errorType === undefined ? {} : { "x-amzn-errortype": String(errorType) }),
          },
          body: bytes.toString(),
        });
      }, reject);
    },
  );
  onward.on("error", reject);
  onward.end(text);
  return promise;
}

/** JSON, or CBOR-free empty bodies. */
async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  const text = (await buffer(request)).toString();
  return text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
}
