/**
 * As much of the API of Lambda as a synchronous call of one function takes, with faults to order: "Invoke" in its API reference. What stands
 * behind it is a function as the tests of this folder have it.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import type { Invocation, MappedFunction, MappingEvent } from "../event-source-mapping/port.ts";

/** `cut`: the connection breaks before the function is called; `cut-after`: once it has ended; `silence`: nobody answers, and nobody is called. */
export type EndpointFault =
  | { readonly kind: "none" }
  | { readonly kind: "error"; readonly status: number; readonly type: string }
  | { readonly kind: "function-error"; readonly type: string }
  | { readonly kind: "cut" }
  | { readonly kind: "cut-after" }
  | { readonly kind: "silence" };

export interface EndpointCall {
  readonly functionName: string;
  readonly event: MappingEvent;
  /** As the records name it. */
  readonly lane: number;
  readonly fault: EndpointFault["kind"];
  /** Null while it is under way, and where the function was not called. */
  ended: Invocation["kind"] | null;
}

export interface LambdaEndpoint extends AsyncDisposable {
  readonly url: string;
  /** In the order in which they came. */
  readonly calls: readonly EndpointCall[];
  /** What happens to a call; nothing unless told. */
  decide: (call: Pick<EndpointCall, "event" | "lane">) => EndpointFault;
  /** The most calls of one lane that were under way at a time. */
  readonly mostAtATime: number;
}

export const TOO_MANY: EndpointFault = { kind: "error", status: 429, type: "TooManyRequestsException" };

/** "Quotas": 6 MB of a synchronous request; the API's own limit is the binary one. */
const MAX_PAYLOAD_BYTES = 6 * 1024 * 1024;

export async function startLambdaEndpoint(fn: MappedFunction): Promise<LambdaEndpoint> {
  const calls: EndpointCall[] = [];
  const underWay = new Map<number, number>();
  let most = 0;
  const server = createServer((request, response) => {
    void answer(request, response).catch(() => request.socket.destroy());
  });
  let decide: LambdaEndpoint["decide"] = () => ({ kind: "none" });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const functionName = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/.exec(request.url ?? "")?.[1];
    const body = await buffer(request);
    if (functionName === undefined) return refuse(response, 404, "ResourceNotFoundException");
    if (body.length > MAX_PAYLOAD_BYTES) return refuse(response, 413, "RequestTooLargeException");
    const event = JSON.parse(body.toString()) as MappingEvent;
    const lane = Number(event.Records[0]?.kinesis.partitionKey);
    const fault = decide({ event, lane });
    const call: EndpointCall = {
      functionName: decodeURIComponent(functionName),
      event,
      lane,
      fault: fault.kind,
      ended: null,
    };
    calls.push(call);
    const atATime = (underWay.get(lane) ?? 0) + 1;
    underWay.set(lane, atATime);
    most = Math.max(most, atATime);
    try {
      await act(fault, call, { request, response });
    } finally {
      underWay.set(lane, (underWay.get(lane) ?? 1) - 1);
    }
  }

  async function act(
    fault: EndpointFault,
    call: EndpointCall,
    { request, response }: { readonly request: IncomingMessage; readonly response: ServerResponse },
  ): Promise<void> {
    switch (fault.kind) {
      case "error":
        return refuse(response, fault.status, fault.type);
      case "function-error":
        return functionError(response, { errorType: fault.type, errorMessage: "to order" });
      case "cut":
        request.socket.destroy();
        return;
      case "silence":
        await new Promise((resolve) => request.socket.once("close", resolve));
        return;
      case "cut-after":
      case "none":
        break;
    }
    const invocation = await fn.invoke(call.event);
    call.ended = invocation.kind;
    if (fault.kind === "cut-after") request.socket.destroy();
    else tell(response, invocation);
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    get decide() {
      return decide;
    },
    set decide(next) {
      decide = next;
    },
    get mostAtATime() {
      return most;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function tell(response: ServerResponse, invocation: Invocation): void {
  switch (invocation.kind) {
    case "answered":
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(invocation.payload));
      return;
    case "function-error":
      functionError(response, { errorType: invocation.type, errorMessage: invocation.message });
      return;
    case "not-called":
      refuse(response, 429, "TooManyRequestsException");
  }
}

function functionError(response: ServerResponse, error: Readonly<Record<string, string>>): void {
  response.writeHead(200, { "content-type": "application/json", "x-amz-function-error": "Unhandled" });
  response.end(JSON.stringify(error));
}

function refuse(response: ServerResponse, status: number, type: string): void {
  response.writeHead(status, { "content-type": "application/json", "x-amzn-errortype": type });
  response.end(JSON.stringify({ Type: "User", message: `${type} to order` }));
}
