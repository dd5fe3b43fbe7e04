import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeCbor } from "../../../../lib/core/dag-cbor-encode.ts";
import { decodeMessage } from "../../../../lib/core/decode-event.ts";
import { locateSeq, replaceSeq } from "../../../../lib/firehose/relay/frame-seq.ts";
import { errorFrame, identityFrame, infoFrame } from "../../../support/event-frames.ts";

const WIDTHS = [1, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 31_527_015_322, Number.MAX_SAFE_INTEGER];
const TIME_MS = Date.parse("2026-11-01T00:00:00Z");

describe("the seq of a frame", () => {
  it("is replaced so that the frame equals one encoded with it, whatever the widths", () => {
    const seq = fc.oneof(fc.constantFrom(...WIDTHS), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }));
    fc.assert(
      fc.property(seq, seq, (before, after) => {
        const frame = identityFrame(before, TIME_MS);
        const place = locateSeq(frame);
        expect(place?.seq).toBe(before);
        if (place === null) return;
        const replaced = replaceSeq(frame, place, after);
        expect(replaced).toEqual(identityFrame(after, TIME_MS));
        const message = decodeMessage(replaced, 0);
        expect(message.kind === "event" && message.event.seq).toBe(after);
      }),
    );
  });

  it("is not there in messages about the stream, nor in bytes that are no frame", () => {
    const header = encodeCbor(new Map(Object.entries({ op: 1, t: "#x" })));
    for (const frame of [infoFrame("X"), errorFrame("X"), Buffer.from("ff", "hex"), Buffer.alloc(0), header]) {
      expect(locateSeq(frame)).toBeNull();
    }
  });

  it("is found or not in mutated frames without a fault", () => {
    const frame = identityFrame(4_000_000_000, TIME_MS);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(frame.length - 1), fc.nat(255)), { minLength: 1, maxLength: 5 }),
        (changes) => {
          const mutated = Buffer.from(frame);
          for (const [at, byte] of changes) mutated[at] = byte;
          locateSeq(mutated);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
