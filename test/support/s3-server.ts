/** As much of S3 as putting, getting, listing and deleting whole objects takes, in memory. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

export interface S3Server extends AsyncDisposable {
  readonly endpoint: string;
  /** By `/bucket/key`. */
  readonly objects: Map<string, Uint8Array>;
  /** The next so many puts are answered with 503. */
  failNext(count: number): void;
  /** Requests of this method for this `/bucket/key` are refused, as by a missing right. */
  deny(method: string, path: string): void;
}

/** Names that one answer to a list has: far fewer than the thousand of S3, so that lists have pages. */
const PAGE_NAMES = 3;

export interface S3Rights {
  /** The right `s3:ListBucket`: without it S3 says 403 of an object that is missing, and not 404 (`GetObject`, S3 API reference). */
  readonly mayList: boolean;
}

export async function startS3Server({ mayList }: S3Rights = { mayList: false }): Promise<S3Server> {
  const objects = new Map<string, Uint8Array>();
  const denied = new Set<string>();
  let failures = 0;
  const server = createServer((request, response) => {
    void (async () => {
      const url = new URL(request.url ?? "/", "http://s3.test");
      const path = decodeURIComponent(url.pathname);
      const body = await buffer(request);
      const isList = url.searchParams.get("list-type") === "2";
      if (denied.has(`${request.method} ${path}`) || (isList && !mayList)) {
        response.writeHead(403, XML).end(ACCESS_DENIED);
        return;
      }
      if (isList) {
        response.writeHead(200, XML).end(listPage(objects, path, url.searchParams));
        return;
      }
      if (request.method === "DELETE") {
        objects.delete(path);
        response.writeHead(204).end();
        return;
      }
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
      else if (mayList) response.writeHead(404, XML).end("<Error><Code>NoSuchKey</Code></Error>");
      else response.writeHead(403, XML).end(ACCESS_DENIED);
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    objects,
    failNext(count) {
      failures = count;
    },
    deny: (method, path) => void denied.add(`${method} ${path}`),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const ACCESS_DENIED = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
const XML = { "content-type": "application/xml" } as const;

/** In the order of names, as S3 has it; the token is the last name given. */
function listPage(objects: ReadonlyMap<string, Uint8Array>, path: string, query: URLSearchParams): string {
  const bucket = path.replace(/\/?$/, "/");
  const after = query.get("continuation-token") ?? "";
  const names = [...objects.keys()]
    .filter((name) => name.startsWith(`${bucket}${query.get("prefix") ?? ""}`))
    .map((name) => name.slice(bucket.length))
    .filter((name) => name > after)
    .toSorted();
  const page = names.slice(0, PAGE_NAMES);
  const token = page.length < names.length ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : "";
  const contents = page.map(
    (name) => `<Contents><Key>${name}</Key><LastModified>2026-11-20T00:00:00.000Z</LastModified></Contents>`,
  );
  return `<ListBucketResult><IsTruncated>${token !== ""}</IsTruncated>${token}${contents.join("")}</ListBucketResult>`;
}
