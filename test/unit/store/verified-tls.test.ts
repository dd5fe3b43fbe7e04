/** A login over TLS that is verified, against a server that is not what it says. */
import { readFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { createSecureContext, TLSSocket } from "node:tls";
import { afterEach, expect, test } from "vitest";
import { createPool } from "../../../lib/store/postgres-store.ts";

/** Made for localhost by nobody whom Node trusts, and used by this test alone. */
const pem = (name: string): string => readFileSync(new URL(`../../fixtures/tls/${name}.pem`, import.meta.url), "utf8");
const SSL_REQUEST_BYTES = 8;

let server: Server | undefined;
afterEach(() => server?.close());

/** Answers the request for TLS with this letter; `seen` has what a client says after that. */
async function start(answer: "S" | "N"): Promise<{ readonly port: number; readonly seen: Buffer[] }> {
  const seen: Buffer[] = [];
  const talk = (socket: Socket): void => {
    socket.on("error", () => undefined);
    socket.once("data", (request: Buffer) => {
      expect(request).toHaveLength(SSL_REQUEST_BYTES);
      socket.write(answer);
      if (answer === "N") {
        socket.on("data", (bytes: Buffer) => seen.push(bytes));
        return;
      }
      const secureContext = createSecureContext({ cert: pem("self-signed"), key: pem("self-signed.key") });
      const secure = new TLSSocket(socket, { isServer: true, secureContext });
      secure.on("error", () => undefined);
      secure.on("data", (bytes: Buffer) => seen.push(bytes));
    });
  };
  const listening = createServer(talk);
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  const address = listening.address();
  return { port: typeof address === "object" && address !== null ? address.port : 0, seen };
}

test.each([
  ["S", /self-signed certificate/],
  ["N", /does not support SSL/],
] as const)("says nothing of itself to a server without a trusted certificate (answer %s)", async (answer, refusal) => {
  const { port, seen } = await start(answer);
  let asked = 0;
  const password = (): Promise<string> => {
    asked += 1;
    return Promise.resolve("token");
  };
  const pool = createPool({
    connectionString: `postgres://someone:other@localhost:${port}/standpipe?sslmode=no-verify`,
    login: { user: "indexer", password, verifiesTls: true },
    poolSize: 1,
  });
  await expect(pool.query("SELECT 1")).rejects.toThrow(refusal);
  await pool.end();
  expect(Buffer.concat(seen).toString()).toBe("");
  expect(asked).toBe(0);
});
