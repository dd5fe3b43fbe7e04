/** What every stream promises (lib/stream/port.ts). Each back end has one test file that calls this. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Pack } from "../../lib/core/pack.ts";
import type { Delivery, PackReader, PackWriter } from "../../lib/stream/port.ts";
import { makePack } from "../support/packs.ts";

export interface StreamUnderTest extends AsyncDisposable {
  readonly writer: PackWriter;
  /** May be read by several at a time. */
  readonly reader: PackReader;
  /** No more packs will be appended. */
  close(): void | Promise<void>;
}

export interface StreamContractOptions {
  readonly name: string;
  /** An empty stream of four lanes. */
  readonly create: () => Promise<StreamUnderTest>;
  /** What `append` waits for: the stream's own storage, or the consumer. */
  readonly appendResolvesWhen: "stored" | "acknowledged";
  /** Random schedules to try; fewer where each costs a network. */
  readonly schedules?: number;
}

const LANES = 4;
const LIMIT_MS = 20_000;

function limit(): AbortSignal {
  return AbortSignal.timeout(LIMIT_MS);
}

function plan(packs: readonly Pack[]): [lane: number, number: number][] {
  return packs.map(({ header }) => [header.lane, header.number]);
}

/** Appends as the port asks for: one in flight a lane. Resolves when all are appended. */
async function send(writer: PackWriter, packs: readonly Pack[]): Promise<void> {
  const sendLane = async (lane: readonly Pack[]) => {
    for (const pack of lane) await writer.append(pack);
  };
  const lanes = Map.groupBy(packs, ({ header }) => header.lane);
  await Promise.all([...lanes.values()].map(sendLane));
}

async function next(reader: PackReader, maxEvents = 1000): Promise<Delivery> {
  const delivery = await reader.read({ maxEvents, signal: limit() });
  if (delivery === null) throw new Error("the stream ended");
  return delivery;
}

/** Packs delivered one after another, each acknowledged, until there were `count`. */
async function drain(reader: PackReader, count: number, maxEvents?: number): Promise<Pack[]> {
  const packs: Pack[] = [];
  while (packs.length < count) {
    const delivery = await next(reader, maxEvents);
    packs.push(...delivery.packs);
    delivery.acknowledge();
  }
  return packs;
}

export function describeStreamContract(options: StreamContractOptions): void {
  const { create, appendResolvesWhen, name } = options;

  describe(`${name}, as every stream`, () => {
    test("gives back header and body as they were", async () => {
      await using stream = await create();
      const pack = makePack({ lane: 1, number: 1, events: 20 });
      const sent = send(stream.writer, [pack]);
      const [got] = await drain(stream.reader, 1);
      await sent;
      expect(got?.header).toEqual(pack.header);
      expect(Buffer.compare(got?.body ?? Buffer.alloc(0), pack.body)).toBe(0);
    });

    test("keeps the order of each lane", async () => {
      await using stream = await create();
      const packs = [1, 2, 3, 4, 5].flatMap((number) => [0, 1, 2, 3].map((lane) => makePack({ lane, number })));
      const sent = send(stream.writer, packs);
      const got = await drain(stream.reader, packs.length, 3);
      await sent;
      for (const lane of [0, 1, 2, 3]) {
        const numbers = got.filter(({ header }) => header.lane === lane).map(({ header }) => header.number);
        expect(numbers).toEqual([1, 2, 3, 4, 5]);
      }
    });

    test("gives a reader that waits what comes later", async () => {
      await using stream = await create();
      const waiting = next(stream.reader);
      const sent = send(stream.writer, [makePack({ lane: 2, number: 1 })]);
      const delivery = await waiting;
      expect(plan(delivery.packs)).toEqual([[2, 1]]);
      delivery.acknowledge();
      await sent;
    });

    test("gives no more events at a time than asked for, but always one pack", async () => {
      await using stream = await create();
      const packs = [0, 1, 2, 3].map((lane) => makePack({ lane, number: 1, events: 10 }));
      const sent = send(stream.writer, packs);
      const first = await next(stream.reader, 5);
      expect(first.packs.length).toBe(1);
      const second = await next(stream.reader, 25);
      expect(second.packs.length).toBeGreaterThanOrEqual(1);
      expect(second.packs.length).toBeLessThanOrEqual(2);
      first.acknowledge();
      second.acknowledge();
      const rest = await drain(stream.reader, 3 - second.packs.length);
      await sent;
      expect(new Set([...first.packs, ...second.packs, ...rest].map(({ header }) => header.lane)).size).toBe(4);
    });

    test("has each lane in one open delivery at a time", async () => {
      await using stream = await create();
      const zero = send(stream.writer, [makePack({ lane: 0, number: 1 }), makePack({ lane: 0, number: 2 })]);
      const first = await next(stream.reader, 1);
      expect(plan(first.packs)).toEqual([[0, 1]]);
      // Whatever is there of lane 0 must not go to the second reader: lane 1's pack is the first that it may get.
      const waiting = next(stream.reader);
      const one = send(stream.writer, [makePack({ lane: 1, number: 1 })]);
      const second = await waiting;
      expect(plan(second.packs)).toEqual([[1, 1]]);
      first.acknowledge();
      expect(plan(await drain(stream.reader, 1))).toEqual([[0, 2]]);
      second.acknowledge();
      await Promise.all([zero, one]);
    });

    test("gives released packs again, before later ones of their lanes", async () => {
      await using stream = await create();
      const packs = [1, 2, 3].map((number) => makePack({ lane: 3, number }));
      const sent = send(stream.writer, packs);
      for (let round = 0; round < 3; round++) {
        const delivery = await next(stream.reader);
        expect(delivery.packs[0]?.header.number).toBe(1);
        delivery.release();
      }
      expect(plan(await drain(stream.reader, 3, 1))).toEqual([
        [3, 1],
        [3, 2],
        [3, 3],
      ]);
      await sent;
    });

    test("settles a delivery once: what comes after acknowledge or release changes nothing", async () => {
      await using stream = await create();
      const sent = send(stream.writer, [makePack({ lane: 0, number: 1 }), makePack({ lane: 0, number: 2 })]);
      const first = await next(stream.reader, 1);
      first.acknowledge();
      first.release();
      const second = await next(stream.reader, 1);
      expect(plan(second.packs)).toEqual([[0, 2]]);
      second.release();
      second.acknowledge();
      expect(plan(await drain(stream.reader, 1))).toEqual([[0, 2]]);
      await sent;
    });

    test("rejects a read with the reason of its signal, and loses nothing by it", async () => {
      await using stream = await create();
      const stop = new AbortController();
      const reason = new Error("stopping");
      const reading = stream.reader.read({ maxEvents: 10, signal: stop.signal });
      stop.abort(reason);
      await expect(reading).rejects.toBe(reason);
      await expect(stream.reader.read({ maxEvents: 10, signal: stop.signal })).rejects.toBe(reason);
      const sent = send(stream.writer, [makePack({ lane: 0, number: 1 })]);
      expect(plan(await drain(stream.reader, 1))).toEqual([[0, 1]]);
      await sent;
    });

    test("ends reads once it is closed and empty, and takes no more packs", async () => {
      await using stream = await create();
      const sent = send(stream.writer, [makePack({ lane: 0, number: 1 })]);
      const open = await next(stream.reader);
      await stream.close();
      await expect(stream.writer.append(makePack({ lane: 0, number: 2 }))).rejects.toThrow(/closed/);
      const ending = stream.reader.read({ maxEvents: 10, signal: limit() });
      open.release();
      const again = await ending;
      expect(plan(again?.packs ?? [])).toEqual([[0, 1]]);
      const last = stream.reader.read({ maxEvents: 10, signal: limit() });
      again?.acknowledge();
      expect(await last).toBeNull();
      expect(await stream.reader.read({ maxEvents: 10, signal: limit() })).toBeNull();
      await sent;
    });

    switch (appendResolvesWhen) {
      case "stored":
        test("has a pack safe before anybody reads it", async () => {
          await using stream = await create();
          await stream.writer.append(makePack({ lane: 0, number: 1 }));
          expect(plan(await drain(stream.reader, 1))).toEqual([[0, 1]]);
        });
        break;
      case "acknowledged":
        test("resolves an append only when its pack is acknowledged", async () => {
          await using stream = await create();
          let isAppended = false;
          const appended = stream.writer.append(makePack({ lane: 0, number: 1 })).then(() => {
            isAppended = true;
          });
          (await next(stream.reader)).release();
          const again = await next(stream.reader);
          expect(isAppended).toBe(false);
          again.acknowledge();
          await appended;
        });
        break;
    }

    test("applies every pack once and in order, whatever several readers acknowledge and release", async () => {
      const schedule = fc.record({
        packs: fc.array(fc.record({ lane: fc.nat(LANES - 1), events: fc.integer({ min: 1, max: 9 }) }), {
          maxLength: 30,
        }),
        readers: fc.integer({ min: 1, max: 3 }),
        maxEvents: fc.integer({ min: 1, max: 20 }),
        releases: fc.infiniteStream(fc.integer({ min: 0, max: 3 })),
      });
      const property = fc.asyncProperty(schedule, async ({ packs, readers, maxEvents, releases }) => {
        await using stream = await create();
        const numbers = new Array<number>(LANES).fill(0);
        const planned = packs.map(({ lane, events }) => {
          const number = (numbers[lane] ?? 0) + 1;
          numbers[lane] = number;
          return makePack({ lane, number, events });
        });
        const applied = Array.from({ length: LANES }, (): number[] => []);
        const consume = async () => {
          for (;;) {
            const delivery = await stream.reader.read({ maxEvents, signal: limit() });
            if (delivery === null) return;
            await new Promise((resolve) => setImmediate(resolve));
            if (releases.next().value === 0) {
              delivery.release();
              continue;
            }
            for (const { header } of delivery.packs) applied[header.lane]?.push(header.number);
            delivery.acknowledge();
          }
        };
        const consumers = Array.from({ length: readers }, consume);
        await send(stream.writer, planned);
        await stream.close();
        await Promise.all(consumers);
        expect(applied).toEqual(numbers.map((count) => Array.from({ length: count }, (_, index) => index + 1)));
      });
      await fc.assert(property, { numRuns: options.schedules ?? 200 });
    });
  });
}
