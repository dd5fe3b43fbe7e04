/** The consumer's loop against a store that fails on demand (a stand-in, for what a database does only by chance). */
import { describe, expect, it } from "vitest";
import { runConsumer } from "../../../lib/consume/run-consumer.ts";
import { type Store, StoreError } from "../../../lib/store/port.ts";
import { createMemoryStream } from "../../../lib/stream/memory/memory-stream.ts";
import { CountingTelemetry } from "../../support/counting-telemetry.ts";
import { emptyTransaction } from "../../support/empty-transaction.ts";
import { makePack } from "../../support/packs.ts";

/** Fails each transaction for as long as `faults` has something to throw. */
function failingStore(faults: Error[]): { readonly store: Store; committed(): number; released(): number } {
  let commits = 0;
  let releases = 0;
  const store: Store = {
    relayId: () => Promise.resolve(1),
    marks: {
      begin: (units) => Promise.resolve(units.map(() => 0)),
      release: () => {
        releases += 1;
        return Promise.resolve();
      },
    },
    transact: async (work) => {
      const fault = faults.shift();
      if (fault !== undefined) throw fault;
      const result = await work(emptyTransaction);
      commits += 1;
      return result;
    },
  };
  return { store, committed: () => commits, released: () => releases };
}

const away = () => new StoreError("connection refused", { kind: "transient", code: "ECONNREFUSED", cause: null });

function run(faults: Error[]) {
  const stream = createMemoryStream({ maxBytes: 1e6 });
  const telemetry = new CountingTelemetry();
  const troubles: (string | null)[] = [];
  const double = failingStore(faults);
  const stop = new AbortController();
  const running = runConsumer(
    {
      store: double.store,
      telemetry,
      reader: stream,
      workers: 2,
      maxEvents: 100,
      nowMs: () => 0,
      random: () => 0,
      onTrouble: (trouble) => troubles.push(trouble),
    },
    stop.signal,
  );
  return { stream, telemetry, troubles, running, stop, ...double };
}

describe("a consumer", () => {
  it("tries again for as long as the trouble is a passing one, and tells it", async () => {
    const { stream, telemetry, troubles, running, released } = run([away(), away(), away()]);
    await stream.append(makePack({ lane: 0, number: 1 }));
    expect(telemetry.counted("batch_retries_total", "ECONNREFUSED")).toBe(3);
    expect(released()).toBe(3);
    expect(troubles).toEqual(["connection refused", "connection refused", "connection refused", null]);
    stream.close();
    await running;
  });

  it("sets aside what the values themselves forbid, and goes on", async () => {
    const poison = () => new StoreError("value out of range", { kind: "poison", code: "22003", cause: null });
    const { stream, telemetry, running, committed } = run([poison()]);
    await stream.append(makePack({ lane: 0, number: 1 }));
    expect(telemetry.counted("dead_letters_total", "refused-by-database")).toBe(1);
    expect(committed()).toBe(1);
    stream.close();
    await running;
  });

  it("gives the packs back when it is told to stop while the database is away", async () => {
    const { stream, running, stop, troubles } = run(Array.from({ length: 1_000 }, away));
    const appended = stream.append(makePack({ lane: 0, number: 1 }));
    appended.catch(() => undefined);
    while (troubles.length === 0) await new Promise(setImmediate);
    stop.abort();
    await running;
    const again = await stream.read({ maxEvents: 100, signal: new AbortController().signal });
    expect(again?.packs.map(({ header }) => header.number)).toEqual([1]);
  });
});
