/** As much of S3 as putting and getting whole objects takes, in memory. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

export interface S3Server extends AsyncDisposable {
  readonly endpoint: string;
  /** By `/bucket/key`. */
  readonly objects: Map<string, Uint8Array>;
  /** The next so many puts are answered with 503. */
  failNext(count: number): void;
}

export async function startS3Server(): Promise<S3Server> {
  const objects = new Map<string, Uint8Array>();
  let failures = 0;
  const server = createServer((request, response) => {
    void (async () => {
      const path = decodeURIComponent((request.url ?? "/").replace(/\?.*/, ""));
      const body = await buffer(request);
      if (request.method === "PUT") {
        if (failures-- > 0) response.writeHead(503).end("<Error><Code>SlowDown</Code></Error>");
        else {
          objects.set(path, body);
          response.writeHead(200, { etag: '"any"' }).end();
        }
        return;
      }
      const object = objects.get(path);
      if (object !== undefined) response.writeHead(200, { "content-length": object.length }).end(object);
      else response.writeHead(404, { "content-type": "application/xml" }).end("<Error><Code>NoSuchKey</Code></Error>");
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    objects,
    failNext(count) {
      failures = count;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
