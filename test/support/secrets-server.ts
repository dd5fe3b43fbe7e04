/** As much of Secrets Manager as reading one secret takes. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

export interface SecretsServer extends AsyncDisposable {
  readonly endpoint: string;
  /** Calls so far. */
  readonly calls: () => number;
  /** What the secret says from now on; null: there is none. */
  put(text: string | null): void;
  /** Every call is answered with this error of the service instead; null: not any more. */
  failWith(code: string | null): void;
}

export const SECRET_ID = "standpipe/database";

export async function startSecretsServer(): Promise<SecretsServer> {
  let text: string | null = null;
  let failure: string | null = null;
  let calls = 0;
  const server = createServer((request, response) => {
    void (async () => {
      const { SecretId: id } = JSON.parse((await buffer(request)).toString()) as { readonly SecretId: string };
      calls += 1;
      const error = failure ?? (text === null || id !== SECRET_ID ? "ResourceNotFoundException" : null);
      response.writeHead(error === null ? 200 : 400, { "content-type": "application/x-amz-json-1.1" });
      response.end(
        JSON.stringify(error === null ? { Name: id, SecretString: text } : { __type: error, message: error }),
      );
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls: () => calls,
    put(value) {
      text = value;
    },
    failWith(code) {
      failure = code;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
