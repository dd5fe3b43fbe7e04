import { describe, expect, it } from "vitest";
import type { CborValue } from "../../../lib/core/dag-cbor.ts";
import { encodeCbor } from "../../../lib/core/dag-cbor-encode.ts";
import { decodeHeader } from "../../../lib/core/frame.ts";

const frame = (...header: [string, CborValue][]) => Buffer.concat([encodeCbor(new Map(header)), encodeCbor("body")]);

describe("decodeHeader", () => {
  it("tells the kind of message and where its body starts", () => {
    const bytes = frame(["op", 1], ["t", "#commit"]);
    expect(decodeHeader(bytes)).toEqual({ kind: "header", op: 1, t: "#commit", bodyAt: bytes.length - 5 });
  });

  it("takes errors, other ops and fields that it does not know", () => {
    expect(decodeHeader(frame(["op", -1]))).toMatchObject({ kind: "header", op: -1, t: null });
    expect(decodeHeader(frame(["op", 7], ["t", "#x"]))).toMatchObject({ op: 7, t: "#x" });
    expect(decodeHeader(frame(["op", 1], ["t", "#x"], ["zzz", [null, new Map([["a", 1]])]]))).toMatchObject({
      op: 1,
      t: "#x",
    });
  });

  it.each<[string, Uint8Array, string]>([
    ["nothing", new Uint8Array(), "bytes end within an item"],
    ["no map", encodeCbor([1]), "header is not a map"],
    ["no op", frame(["t", "#commit"]), "header without op"],
    ["an op that is no integer", frame(["op", "1"], ["t", "#commit"]), "op is not an integer"],
    ["an op beyond 53 bits", frame(["op", 2n ** 60n]), "op is not an integer"],
    ["a message without t", frame(["op", 1]), "header of a message without t"],
    ["a t that is no text", frame(["op", 1], ["t", 5]), "t is not a text"],
    ["op after a longer key", Buffer.from("a263616161f6626f7001", "hex"), "keys are not sorted"],
    ["an indefinite map", Buffer.from("bf626f7001ff", "hex"), "indefinite length"],
  ])("calls %s malformed", (_what, bytes, reason) => {
    expect(decodeHeader(bytes)).toMatchObject({ kind: "malformed", reason });
  });
});
