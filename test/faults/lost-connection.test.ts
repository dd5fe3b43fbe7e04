/** A connection that Postgres ends at the very moment at which it changes hands within our pool. */
import { connect as connectTo, createServer, type Socket } from "node:net";
import { expect, test } from "vitest";
import { StoreError } from "../../lib/store/port.ts";
import { createPostgresStore } from "../../lib/store/postgres-store.ts";
import { createTestDatabase } from "../support/database.ts";
import { silentLog } from "../support/silent-log.ts";

/** ReadyForQuery, outside a transaction: the end of every answer. */
const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);

/** What a backend says that finds its postmaster gone: it may arrive in one read with the end of the answer before it. */
function farewell(): Buffer {
  const fields = Buffer.from("SFATAL\0VFATAL\0C57P01\0Mterminating connection due to unexpected postmaster exit\0\0");
  const head = Buffer.alloc(5);
  head.write("E");
  head.writeUInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}

interface DyingServer extends AsyncDisposable {
  readonly port: number;
  /** The next answer is the connection's last. */
  arm(): void;
}

async function dyingServer(target: { readonly host: string; readonly port: number }): Promise<DyingServer> {
  let isArmed = false;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connectTo(target);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => socket.destroy());
    }
    client.pipe(upstream);
    upstream.on("data", (bytes) => {
      if (!isArmed || !bytes.subarray(-READY.length).equals(READY)) return void client.write(bytes);
      isArmed = false;
      client.end(Buffer.concat([bytes, farewell()]));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { readonly port: number };
  return {
    port,
    arm: () => {
      isArmed = true;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test("a farewell in one read with an answer ends neither the process nor the work that gets the connection next", async () => {
  await using database = await createTestDatabase({ empty: true });
  const address = new URL(database.connectionString);
  await using server = await dyingServer({ host: address.hostname, port: Number(address.port) });
  address.host = `127.0.0.1:${server.port}`;
  await using store = createPostgresStore({ connectionString: address.href, poolSize: 1, log: silentLog });
  await store.pool.query("SELECT 1");
  server.arm();
  const answer = store.pool.query("SELECT 2 AS two");
  // Waits for the one connection, and gets it together with its end.
  const next = store.transact(() => Promise.resolve("done"));
  expect((await answer).rows).toEqual([{ two: 2 }]);
  const fault: unknown = await next.catch((error: unknown) => error);
  expect(fault).toBeInstanceOf(StoreError);
  expect(fault).toMatchObject({ kind: "transient" });
  expect(await store.transact(() => Promise.resolve("done"))).toBe("done");
});
