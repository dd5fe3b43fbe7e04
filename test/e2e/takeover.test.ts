/** The ingester dies, and the one that stands by takes over. */
import { expect, test } from "vitest";
import { savedItem } from "../support/aws-scene.ts";
import { createKinesisReader } from "../support/kinesis-reader.ts";
import { LAST_SEQ } from "../support/unified-process.ts";
import { sharedServers } from "./servers.ts";
import { startWay } from "./way.ts";
import { faultsOf } from "./whole-end.ts";

const servers = sharedServers();

test("an ingester killed with packs under way and taken over by a second one: nothing is lost, nothing counts twice", async () => {
  await using way = await startWay({ servers: servers(), speed: "400" });
  await using first = way.ingest({ standby: true, exitWhenIdle: false });
  await first.until(({ cursor }) => (cursor ?? 0) > 0);
  await using second = way.ingest({ standby: true });
  await second.until(({ standbyFor }) => standbyFor !== null);
  await first.until(({ cursor }) => (cursor ?? 0) > 500);
  expect(await first.kill("SIGKILL")).toEqual({ code: null, signal: "SIGKILL" });
  expect(await second.exit).toEqual({ code: 0, signal: null });
  await way.mapping.caughtUp();
  expect(await faultsOf(way, servers())).toEqual([]);
  expect(await savedItem(servers(), way.scene)).toEqual({ seq: LAST_SEQ, fence: 2, released: true });
  const { streamName } = way.scene;
  const records = await createKinesisReader({ client: way.streamClient, streamName }).all();
  expect(new Set(records.map(({ pack }) => pack.header.fence))).toEqual(new Set([1, 2]));
});
