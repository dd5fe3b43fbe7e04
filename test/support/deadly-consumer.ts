/**
 * A process that consumes the packs given on its standard input (`[u32 LE length][pack]…`) and kills itself with SIGKILL
 * while it writes a certain record. Run as a child: `node deadly-consumer.ts <connection string> <rkey>`.
 */
import { buffer } from "node:stream/consumers";
import { consume } from "../../lib/consume/consume.ts";
import { decodePack, type Pack } from "../../lib/core/pack.ts";
import { tidText } from "../../lib/core/tid.ts";
import type { Store } from "../../lib/store/port.ts";
import { createPostgresStore } from "../../lib/store/postgres-store.ts";
import { CountingTelemetry } from "./counting-telemetry.ts";
import { silentLog } from "./silent-log.ts";

const [, , connectionString = "", deadlyKey = ""] = process.argv;

function deadly(store: Store): Store {
  return {
    relayId: (relay, epoch) => store.relayId(relay, epoch),
    marks: store.marks,
    transact: (work) =>
      store.transact((transaction) =>
        work({
          resolve: (names) => transaction.resolve(names),
          lock: (request) => transaction.lock(request),
          pathStates: (ops) => transaction.pathStates(ops),
          write: (changes, end) => {
            if (changes.edges.some(({ rkey }) => tidText(rkey) === deadlyKey)) {
              process.kill(process.pid, "SIGKILL");
            }
            return transaction.write(changes, end);
          },
        }),
      ),
  };
}

const packs: Pack[] = [];
const input = await buffer(process.stdin);
for (let at = 0; at < input.length; ) {
  const length = input.readUInt32LE(at);
  const decoded = decodePack(input.subarray(at + 4, at + 4 + length));
  if (!decoded.ok) throw new Error(decoded.reason);
  packs.push(decoded.pack);
  at += 4 + length;
}
await using store = createPostgresStore({ connectionString, poolSize: 2, log: silentLog });
await consume(packs, { store: deadly(store), telemetry: new CountingTelemetry(), nowMs: Date.now });
