import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  isDid,
  isHandle,
  isNsid,
  isPlcDidAt,
  isRkey,
  isRkeyAt,
  parseAtUri,
  parseDatetimeMs,
  plainDatetimeMsAt,
} from "../../../lib/core/syntax.ts";
import { describeWithSharedData, readVectorLines } from "../../support/shared-data.ts";

describe("syntax", () => {
  it("takes apart the URI of a record", () => {
    expect(parseAtUri("at://did:plc:r2zybk6op3ymzpz6jhqpkoy5/app.bsky.feed.post/3mpsjbtci2c2o")).toEqual({
      authority: "did:plc:r2zybk6op3ymzpz6jhqpkoy5",
      collection: "app.bsky.feed.post",
      rkey: "3mpsjbtci2c2o",
    });
  });

  it.each([
    "at://did:plc:asdf123",
    "at://did:plc:asdf123/com.atproto.feed.post",
    "at://did:plc:asdf123/com.atproto.feed.post/",
    "at://did:plc:asdf123/com.atproto.feed.post/a/b",
    "at://did:plc:asdf123/com.atproto.feed.post/a#frag",
    "at://did:plc:asdf123/com.atproto.feed.post/a?q",
    "at://user.bsky.social/com.atproto.feed.post/a",
    "https://did:plc:asdf123/com.atproto.feed.post/a",
    "",
  ])("finds no record in %j", (text) => {
    expect(parseAtUri(text)).toBeUndefined();
  });

  it("needs no more than linear time for the worst texts", () => {
    const startedMs = performance.now();
    for (const text of [
      "a.".repeat(200_000),
      `did:a:${"%".repeat(400_000)}!`,
      `a${"-".repeat(300)}!`,
      "a".repeat(1e6),
    ]) {
      expect([isDid(text), isHandle(text), isNsid(text), isRkey(text)]).toEqual([false, false, false, false]);
      expect(parseAtUri(`at://did:plc:${text}/${text}/${text}`)).toBeUndefined();
      expect(parseDatetimeMs(text)).toBeUndefined();
    }
    expect(performance.now() - startedMs).toBeLessThan(2000);
  });
});

describe("datetimes", () => {
  it("are what JavaScript makes of them, in every form", () => {
    const date = fc.date({
      min: new Date("0000-01-02T00:00:00Z"),
      max: new Date("9999-12-30T00:00:00Z"),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(date, (value) => {
        const text = value.toISOString();
        expect(parseDatetimeMs(text)).toBe(value.getTime());
        expect(parseDatetimeMs(text.replace("Z", "+00:00"))).toBe(value.getTime());
        expect(parseDatetimeMs(text.replace("Z", "999Z"))).toBe(value.getTime());
        expect(parseDatetimeMs(text.replace("Z", "-07:30"))).toBe(Date.parse(text.replace("Z", "-07:30")));
      }),
    );
  });

  it.each([
    ["2024-02-29T00:00:00.000Z", Date.UTC(2024, 1, 29)],
    ["2000-02-29T00:00:00Z", Date.UTC(2000, 1, 29)],
    ["1985-04-12T23:20:50.1Z", Date.UTC(1985, 3, 12, 23, 20, 50, 100)],
    ["1985-04-12T23:20:50.12Z", Date.UTC(1985, 3, 12, 23, 20, 50, 120)],
    ["0000-01-01T00:00:00.000Z", -62_167_219_200_000],
  ])("%s is %i", (text, ms) => {
    expect(parseDatetimeMs(text)).toBe(ms);
  });

  it.each([
    "2023-02-29T00:00:00.000Z",
    "1900-02-29T00:00:00.000Z",
    "2024-04-31T00:00:00.000Z",
    "2024-04-00T00:00:00.000Z",
    "2024-00-10T00:00:00.000Z",
    "2024-13-10T00:00:00.000Z",
    "2024-04-10T24:00:00.000Z",
    "2024-04-10T00:60:00.000Z",
    "2024-04-10T00:00:60.000Z",
    "2024-04-10T00:00:00.00xZ",
    "2024-04-10T00:00:00.000+24:00",
    "2024-04-10T00:00:00.000-00:00",
    "0000-01-01T00:00:00.000+00:01",
    "2024-04-10T00:00:00.000Z\n",
    "２024-04-10T00:00:00.000Z",
  ])("%j is none", (text) => {
    expect(parseDatetimeMs(text)).toBeUndefined();
  });
});

describe("in place", () => {
  const plc = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
  const everyByteAt = (text: string, test: (bytes: Uint8Array) => void) => {
    for (let i = 0; i < text.length; i += 1) {
      for (let byte = 0; byte < 256; byte += 1) {
        const bytes = Uint8Array.from(Buffer.from(text, "latin1"));
        bytes[i] = byte;
        test(bytes);
      }
    }
  };

  it("a DID of plc is the same as in text, whatever byte stands anywhere", () => {
    everyByteAt(plc, (bytes) => {
      const text = Buffer.from(bytes).toString("latin1");
      expect([text, isPlcDidAt(bytes, 0, bytes.length)]).toEqual([text, /^did:plc:[a-z2-7]{24}$/.test(text)]);
    });
  });

  it("is read between other bytes, and is 32 of them", () => {
    const bytes = Buffer.from(`a${plc}a`);
    expect(isPlcDidAt(bytes, 1, 33)).toBe(true);
    expect([isPlcDidAt(bytes, 1, 34), isPlcDidAt(bytes, 1, 32), isPlcDidAt(bytes, 0, 32)]).toEqual([
      false,
      false,
      false,
    ]);
  });

  it("a record key is the same as in text", () => {
    for (const text of ["3mptbypluud2a", "..", ".", "~"]) {
      everyByteAt(text, (bytes) => {
        const other = Buffer.from(bytes).toString("latin1");
        expect([other, isRkeyAt(bytes, 0, bytes.length)]).toEqual([other, isRkey(other)]);
      });
    }
    const long = Buffer.alloc(513, "a");
    expect([isRkeyAt(long, 0, 0), isRkeyAt(long, 0, 512), isRkeyAt(long, 0, 513)]).toEqual([false, true, false]);
  });

  it("a datetime is what the language's own clock writes, and nothing else", () => {
    everyByteAt("2026-07-04T14:38:08.999Z", (bytes) => {
      const text = Buffer.from(bytes).toString("latin1");
      const ms = Date.parse(text);
      const isPlain = !Number.isNaN(ms) && new Date(ms).toISOString() === text;
      expect([text, plainDatetimeMsAt(bytes, 0, bytes.length)]).toEqual([text, isPlain ? ms : undefined]);
    });
  });
});

describeWithSharedData("syntax, interop vectors", () => {
  describe.each([
    ["did", isDid],
    ["handle", isHandle],
    ["nsid", isNsid],
    ["recordkey", isRkey],
    ["recordkey", (text: string) => isRkeyAt(Buffer.from(text), 0, Buffer.byteLength(text))],
    ["datetime", (text: string) => parseDatetimeMs(text) !== undefined],
  ])("%s", (name, test) => {
    it.each(readVectorLines(`syntax/${name}_syntax_valid.txt`))("takes %j", (text) => {
      expect(test(text)).toBe(true);
    });

    it.each(readVectorLines(`syntax/${name}_syntax_invalid.txt`))("refuses %j", (text) => {
      expect(test(text)).toBe(false);
    });
  });

  it.each(readVectorLines("syntax/datetime_parse_invalid.txt"))("refuses the datetime %j for what it means", (text) => {
    expect(parseDatetimeMs(text)).toBeUndefined();
  });

  const uris = readVectorLines("syntax/aturi_syntax_valid.txt");
  const records = uris.filter((uri) => uri.startsWith("at://did:") && uri.split("/").length === 5);

  it.each(records)("finds the record in %j", (uri) => {
    const parts = parseAtUri(uri);
    expect(`at://${parts?.authority}/${parts?.collection}/${parts?.rkey}`).toBe(uri);
  });

  it.each([...uris.filter((uri) => !records.includes(uri)), ...readVectorLines("syntax/aturi_syntax_invalid.txt")])(
    "finds no record in %j",
    (uri) => {
      expect(parseAtUri(uri)).toBeUndefined();
    },
  );
});
