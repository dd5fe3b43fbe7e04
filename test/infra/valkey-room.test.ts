/** How many events a node holds, and the numbers behind it: each against what they claim to describe. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { encodePack } from "../../lib/core/pack.ts";
import { VALKEY_NODE_PRICES } from "../../lib/infra/cost/prices-2026-11.ts";
import { STAGES } from "../../lib/infra/stage.ts";
import { retentionHours, STREAM_BYTES_PER_EVENT, streamRoom, VALKEY_NODES } from "../../lib/infra/valkey-room.ts";
import { projectRoot } from "../support/project-root.ts";
import { packsOf, recordedEvents } from "../support/recorded-packs.ts";
import { describeWithRedis, startRedis } from "../support/redis-server.ts";

const GIB = 2 ** 30;

describe("the room of a node", () => {
  it("is four fifths of what ElastiCache does not keep of its memory", () => {
    expect(streamRoom("t4g.small")?.bytes).toBeCloseTo(1.37 * GIB * 0.75 * 0.8, -1);
    expect(streamRoom("t4g.small")?.events).toBe(Math.floor((streamRoom("t4g.small")?.bytes ?? 0) / 200));
  });

  it("of a node that is not known is not guessed", () => {
    expect(streamRoom("x9z.huge")).toBeUndefined();
  });

  it.each(VALKEY_NODES)("of %s has its price", (node) => {
    expect(VALKEY_NODE_PRICES[node]?.usd).toBeGreaterThan(0);
  });

  it("of production lasts for two hours at 500 events a second, and of development for three quarters of one", () => {
    expect(retentionHours(STAGES.production.valkey.node, 500)).toBeGreaterThan(2);
    expect(retentionHours(STAGES.development.valkey.node, 500)).toBeGreaterThan(0.75);
  });

  it("is what docs/operating.md says of each node, in hours at 500 and at 1,000 events a second", () => {
    const page = readFileSync(join(projectRoot, "docs/operating.md"), "utf8");
    const hours = (node: string, rate: number): string => retentionHours(node, rate).toFixed(1);
    for (const node of VALKEY_NODES) {
      const millions = ((streamRoom(node)?.events ?? 0) / 1e6).toFixed(1);
      expect(page).toContain(`| \`${node}\` | ${millions} | ${hours(node, 500)} | ${hours(node, 1000)} |`);
    }
  });
});

describeWithRedis("in a real server", () => {
  test("an event of the recording takes less than is planned, at a second of a lane a pack", async () => {
    await using server = await startRedis();
    const { client } = server;
    // 500 events a second over 8 lanes.
    const packs = packsOf(recordedEvents(), { size: () => 62 });
    let events = 0;
    for (const pack of packs) {
      events += pack.header.count;
      const fields = [
        "pack",
        Buffer.from(encodePack(pack)),
        "count",
        String(pack.header.count),
        "events",
        String(events),
      ];
      await client.xadd(`events:${pack.header.lane}`, "*", ...fields);
    }
    let bytes = 0;
    for (const key of await client.keys("events:*")) bytes += Number(await client.memory("USAGE", key, "SAMPLES", 0));
    expect(events).toBeGreaterThan(6_000);
    expect(bytes / events).toBeLessThan(STREAM_BYTES_PER_EVENT);
    // Not by far: then more would fit than the ingester is told.
    expect(bytes / events).toBeGreaterThan(STREAM_BYTES_PER_EVENT / 4);
  });
});
