/** Region and endpoint in, the client of Lambda and one call of the function out. */
import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import type { KinesisEvent } from "./event.ts";
import { CONNECT_TIMEOUT_MS } from "./limits.ts";

export interface LambdaClientOptions {
  /** Null: what the SDK finds. */
  readonly region: string | null;
  /** Null: AWS itself. */
  readonly endpoint: string | null;
  /** Milliseconds until a call is given up: longer than the function may take, or it would be called again while it still works. */
  readonly answerTimeoutMs: number;
  /** Calls at a time: one a lane. */
  readonly maxCalls: number;
}

/** Local servers take any region, and without one the SDK refuses to sign. */
const LOCAL_REGION = "us-east-1";

/** Tries once: who calls decides what is given again, and in which order. */
export function createLambdaClient(options: LambdaClientOptions): LambdaClient {
  const { region, endpoint, answerTimeoutMs, maxCalls } = options;
  const name = region ?? (endpoint === null ? null : LOCAL_REGION);
  return new LambdaClient({
    maxAttempts: 1,
    ...(name === null ? {} : { region: name }),
    ...(endpoint === null ? {} : { endpoint }),
    requestHandler: new NodeHttpHandler({
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: answerTimeoutMs,
      throwOnRequestTimeout: true,
      httpsAgent: { maxSockets: maxCalls },
      httpAgent: { maxSockets: maxCalls },
    }),
  });
}

export type CallResult =
  | { readonly kind: "answered"; readonly payload: unknown }
  /** It was called and threw, ran out of time or lost its process, or it was too much for one call: less at a time may help. */
  | { readonly kind: "function-error"; readonly code: string; readonly message: string }
  /** It was not called, or nobody knows: throttled, a fault of Lambda, no connection, no answer in time. */
  | { readonly kind: "no-answer"; readonly code: string; readonly message: string };

export interface FunctionCall {
  readonly client: LambdaClient;
  /** Name or ARN. */
  readonly functionName: string;
  readonly event: KinesisEvent;
  readonly signal: AbortSignal;
}

/** One call, whose answer is waited for. Never rejects. */
export async function callFunction({ client, functionName, event, signal }: FunctionCall): Promise<CallResult> {
  const Payload = Buffer.from(JSON.stringify(event));
  try {
    const command = new InvokeCommand({ FunctionName: functionName, InvocationType: "RequestResponse", Payload });
    const answer = await client.send(command, { abortSignal: signal });
    const payload = parsed(answer.Payload);
    return answer.FunctionError === undefined ? { kind: "answered", payload } : functionError(payload);
  } catch (error) {
    const { code, name, message } = error as NodeJS.ErrnoException;
    const kind = name === "RequestTooLargeException" ? "function-error" : "no-answer";
    return { kind, code: code ?? name, message: message === "" ? name : message };
  }
}

/** As "Lambda function errors in Node.js" shows it, developer guide. */
function functionError(payload: unknown): CallResult {
  const { errorType = "Unhandled", errorMessage = "" } = (payload ?? {}) as Readonly<Record<string, unknown>>;
  return { kind: "function-error", code: String(errorType), message: String(errorMessage) };
}

/** Undefined where it is no JSON. */
function parsed(bytes: Uint8Array | undefined): unknown {
  try {
    return JSON.parse(Buffer.from(bytes ?? []).toString("utf8")) as unknown;
  } catch {
    return undefined;
  }
}
