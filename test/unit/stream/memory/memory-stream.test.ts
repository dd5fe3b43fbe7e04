import { describe, expect, test } from "vitest";
import {
  createMemoryStream,
  type MemoryStream,
  StreamClosedError,
} from "../../../../lib/stream/memory/memory-stream.ts";
import type { Delivery } from "../../../../lib/stream/port.ts";
import { makePack } from "../../../support/packs.ts";

const signal = new AbortController().signal;

async function read(stream: MemoryStream, maxEvents = 1000): Promise<Delivery> {
  const delivery = await stream.read({ maxEvents, signal });
  if (delivery === null) throw new Error("the stream ended");
  return delivery;
}

function numbers(delivery: Delivery): string[] {
  return delivery.packs.map(({ header }) => `${header.lane}/${header.number}`);
}

describe("the memory stream", () => {
  test("offers the oldest packs first, over all lanes", async () => {
    using stream = createMemoryStream({ maxBytes: 10_000 });
    const order = [
      makePack({ lane: 2, number: 1 }),
      makePack({ lane: 0, number: 1 }),
      makePack({ lane: 2, number: 2 }),
    ];
    const sent = order.map((pack) => stream.append(pack));
    const delivery = await read(stream);
    expect(numbers(delivery)).toEqual(["2/1", "0/1", "2/2"]);
    delivery.acknowledge();
    await Promise.all(sent);
  });

  test("puts released packs back where they were", async () => {
    using stream = createMemoryStream({ maxBytes: 10_000 });
    const order = [
      makePack({ lane: 0, number: 1 }),
      makePack({ lane: 1, number: 1 }),
      makePack({ lane: 0, number: 2 }),
    ];
    const sent = order.map((pack) => stream.append(pack));
    const first = await read(stream, 1);
    const second = await read(stream, 1);
    first.release();
    second.release();
    const again = await read(stream);
    expect(numbers(again)).toEqual(["0/1", "1/1", "0/2"]);
    again.acknowledge();
    await Promise.all(sent);
  });

  test("keeps the rest of a lane back while a delivery of it is open", async () => {
    using stream = createMemoryStream({ maxBytes: 10_000 });
    const order = [[0, 1] as const, [0, 2] as const, [1, 1] as const].map(([lane, number]) =>
      makePack({ lane, number }),
    );
    const sent = order.map((pack) => stream.append(pack));
    const first = await read(stream, 1);
    expect(numbers(first)).toEqual(["0/1"]);
    const second = await read(stream);
    expect(numbers(second)).toEqual(["1/1"]);
    first.acknowledge();
    const third = await read(stream);
    expect(numbers(third)).toEqual(["0/2"]);
    second.acknowledge();
    third.acknowledge();
    await Promise.all(sent);
  });

  test("offers no more bytes than its bound, and goes on when they are acknowledged", async () => {
    const [first, second, third] = [1, 2, 3].map((number) => makePack({ lane: number, number, lanes: 8, events: 10 }));
    if (!first || !second || !third) throw new Error("no packs");
    using stream = createMemoryStream({ maxBytes: first.body.length + second.body.length });
    const sent = [first, second, third].map((pack) => stream.append(pack));
    const delivery = await read(stream);
    expect(numbers(delivery)).toEqual(["1/1", "2/2"]);
    expect(stream.state()).toEqual({
      packs: 3,
      bytes: [first, second, third].reduce((sum, p) => sum + p.body.length, 0),
    });
    delivery.acknowledge();
    const rest = await read(stream);
    expect(numbers(rest)).toEqual(["3/3"]);
    rest.acknowledge();
    await Promise.all(sent);
    expect(stream.state()).toEqual({ packs: 0, bytes: 0 });
  });

  test("lets a pack that is larger than the bound through alone", async () => {
    using stream = createMemoryStream({ maxBytes: 1 });
    const sent = [0, 1].map((lane) => stream.append(makePack({ lane, number: 1 })));
    const first = await read(stream);
    expect(numbers(first)).toEqual(["0/1"]);
    first.acknowledge();
    const second = await read(stream);
    expect(numbers(second)).toEqual(["1/1"]);
    second.acknowledge();
    await Promise.all(sent);
  });

  test("disposed of, rejects what was not acknowledged and ends reads", async () => {
    const stream = createMemoryStream({ maxBytes: 1 });
    const sent = [0, 1, 2].map((lane) => stream.append(makePack({ lane, number: 1 })));
    const open = await read(stream);
    const reading = stream.read({ maxEvents: 1, signal });
    stream[Symbol.dispose]();
    for (const append of sent) await expect(append).rejects.toThrow(StreamClosedError);
    expect(await reading).toBeNull();
    open.release();
    expect(await stream.read({ maxEvents: 1, signal })).toBeNull();
  });
});
