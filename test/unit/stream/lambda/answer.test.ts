import { expect, test } from "vitest";
import { readAnswer } from "../../../../lib/stream/lambda/answer.ts";
import type { LaneRecord } from "../../../../lib/stream/lambda/event.ts";

const records: readonly LaneRecord[] = [1, 2, 3].map((n) => ({ id: { ms: 1000, n }, lane: 0, data: new Uint8Array() }));
const failing = (...itemIdentifiers: unknown[]) => ({
  batchItemFailures: itemIdentifiers.map((itemIdentifier) => ({ itemIdentifier })),
});

test("an empty list says that all is done", () => {
  expect(readAnswer(failing(), records)).toEqual({ ok: true, done: 3 });
});

test.each([
  [["1000-1"], 0],
  [["1000-3"], 2],
  [["1000-3", "1000-2"], 1],
])("of %j the lowest is where it goes on: %i are done", (identifiers, done) => {
  expect(readAnswer(failing(...identifiers), records)).toEqual({ ok: true, done });
});

test.each([[""], [null], ["999-1"]])(
  "a record that is none of the call's (%j) says nothing of the others",
  (identifier) => {
    expect(readAnswer(failing("1000-3", identifier), records)).toEqual({ ok: false, reason: "unknown-record" });
  },
);

test.each([null, undefined, {}, [], "done", { batchItemFailures: null }, { statusCode: 200 }])(
  "%j is the answer of some other function, and acknowledges nothing",
  (payload) => {
    expect(readAnswer(payload, records)).toEqual({ ok: false, reason: "no-answer-of-ours" });
  },
);
