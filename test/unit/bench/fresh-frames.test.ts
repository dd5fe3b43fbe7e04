import { createHash } from "node:crypto";
import { MemoryBlockstore, readCarWithRoot } from "@atproto/repo";
import { describe, expect, test } from "vitest";
import { CidLink } from "../../../lib/core/cid.ts";
import { decodeMessage } from "../../../lib/core/decode-event.ts";
import type { FirehoseEvent } from "../../../lib/core/event.ts";
import { didInLap, FIRST_SEQ, type FrameTemplate, frameTemplate, freshFrame } from "../../bench/fresh-frames.ts";
import { frameParts, recordedAtMs, recordedFrames } from "../../support/recorded-frames.ts";

/** Of all, since whole events are dear to compare. */
const SAMPLE_EVERY = 5;

const templates = recordedFrames.map(frameTemplate).filter((template) => template !== null);
const sample = templates.filter((_, index) => index % SAMPLE_EVERY === 0);

function eventOf(frame: Uint8Array): FirehoseEvent {
  const message = decodeMessage(frame, recordedAtMs);
  if (message.kind !== "event") throw new Error(message.kind);
  return message.event;
}

/** What a lap may not change. */
function contentOf(event: FirehoseEvent): unknown {
  if (event.kind === "rejected") throw new Error(event.detail);
  const { did: _, seq: __, ...rest } = event;
  return event.kind === "commit" ? { ...rest, rawFrame: null } : { ...rest, commit: null };
}

function templateOf(kind: FirehoseEvent["kind"]): FrameTemplate {
  const template = templates.find(({ bytes }) => eventOf(bytes).kind === kind);
  if (template === undefined) throw new Error(`the recording has no ${kind}`);
  return template;
}

describe("a frame in a lap", () => {
  test("is the recorded one but for its seq in the first", () => {
    for (const [index, template] of sample.entries()) {
      const event = eventOf(freshFrame(template, 0, FIRST_SEQ + index));
      expect(event).toEqual({ ...eventOf(template.bytes), seq: FIRST_SEQ + index });
    }
  });

  test("says the same of another account in a later one", () => {
    for (const template of sample) {
      const event = eventOf(freshFrame(template, 77, 2 ** 32 - 1));
      expect({ did: event.did, seq: event.seq }).toEqual({ did: didInLap(template.did, 77), seq: 2 ** 32 - 1 });
      expect(event.did).not.toBe(template.did);
      expect(contentOf(event)).toEqual(contentOf(eventOf(template.bytes)));
    }
  });

  test.each(["commit", "sync"] as const)("holds a whole CAR, also by another reader: %s", async (kind) => {
    const { body } = frameParts(freshFrame(templateOf(kind), 1_048_575, FIRST_SEQ));
    // It compares every block with its CID.
    const { root, blocks } = await readCarWithRoot(body.get("blocks") as Uint8Array);
    const block = await new MemoryBlockstore(blocks).readRecord(root);
    expect((block as { readonly did: string }).did).toBe(body.get(kind === "commit" ? "repo" : "did"));
    expect(Buffer.from(root.multihash.digest)).toEqual(digestOf(blocks.get(root)));
    if (kind === "commit") expect(body.get("commit")).toEqual(new CidLink(root.bytes));
  });

  test("is of an account that no other lap has", () => {
    const { did } = templateOf("commit");
    const laps = [0, 1, 31, 32, 33, 1024, 1_048_575];
    expect(new Set(laps.map((lap) => didInLap(did, lap))).size).toBe(laps.length);
    expect(() => didInLap(did, 1_048_576)).toThrow("there are 1048576");
  });
});

function digestOf(bytes: Uint8Array | undefined): Buffer {
  return createHash("sha256")
    .update(bytes ?? "")
    .digest();
}
