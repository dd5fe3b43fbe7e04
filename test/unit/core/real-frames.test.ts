import { expect, it } from "vitest";
import { cidText, digestOf } from "../../../lib/core/cid.ts";
import { decodeCbor } from "../../../lib/core/dag-cbor.ts";
import { encodeCbor } from "../../../lib/core/dag-cbor-encode.ts";
import { fromDagJson, toDagJson } from "../../../lib/core/dag-json.ts";
import { decodeMessage } from "../../../lib/core/decode-event.ts";
import { tidText } from "../../../lib/core/tid.ts";
import {
  describeWithSharedData,
  type ExpectedCommit,
  readExpectedCommits,
  readRealFrames,
} from "../../support/shared-data.ts";

describeWithSharedData("the 40 real relay frames", () => {
  const expected = readExpectedCommits();
  const frames = readRealFrames().map((frame, i): [string, Uint8Array, ExpectedCommit] => {
    const commit = expected[i];
    if (commit === undefined) {
      throw new Error(`nothing is expected of frame ${i}`);
    }
    return [`${commit.commit.operation} ${commit.commit.collection}`, frame, commit];
  });

  it("are all there", () => {
    expect(frames).toHaveLength(40);
    expect(expected).toHaveLength(40);
  });

  it.each(frames)("decode to what an independent service saw: %s", (_name, frame, { did, time_us, kind, commit }) => {
    const receivedAtMs = time_us / 1000;
    const message = decodeMessage(frame, receivedAtMs);
    if (message.kind !== "event" || message.event.kind !== "commit") {
      throw new Error(`not a commit: ${message.kind}`);
    }
    const { event } = message;
    expect([event.kind, event.did, tidText(event.rev), event.ops.length]).toEqual([kind, did, commit.rev, 1]);
    // The service took it from the relay within seconds of the time in the frame.
    expect(Math.abs((event.timeMs ?? 0) - receivedAtMs)).toBeLessThan(10_000);
    const [op] = event.ops;
    expect([op?.action, op?.collection, op?.rkey]).toEqual([commit.operation, commit.collection, commit.rkey]);
    expect(op?.fault).toBeNull();
    expect(op?.record ? cidText(digestOf(op.record)) : undefined).toBe(commit.cid);
    expect(op?.record ? jsonOf(op.record) : undefined).toEqual(commit.record);
  });

  it("come in the order of their seqs", () => {
    const seqs = frames.map(([, frame]) => {
      const message = decodeMessage(frame, 2e12);
      return message.kind === "event" ? message.event.seq : 0;
    });
    expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b));
  });
});

/** The record's JSON, which must lead back to its very bytes. */
function jsonOf(record: Uint8Array): unknown {
  const result = decodeCbor(record);
  if (!result.ok) {
    throw new Error(result.reason);
  }
  const { json, exact } = toDagJson(result.value);
  const parsed: unknown = JSON.parse(json);
  expect(exact).toBe(true);
  expect(encodeCbor(fromDagJson(parsed))).toEqual(record);
  return parsed;
}
