import { describe, expect, it } from "vitest";
import { describeHttpAnswer, parseRetryAfter } from "../../../../lib/firehose/websocket/http-refusal.ts";

const ANSWER = { status: 502, statusText: "Bad Gateway", contentType: "text/plain", retryAfter: null, body: "" };

describe("an HTTP answer in one line", () => {
  it.each([
    ["the status alone", {}, "HTTP 502 Bad Gateway"],
    ["a plain body", { body: "upstream\n is away\n" }, "HTTP 502 Bad Gateway: upstream is away"],
    ["a JSON body", { contentType: "application/json", body: '{"error":"X"}' }, 'HTTP 502 Bad Gateway: {"error":"X"}'],
    [
      "the title of a page",
      { contentType: "text/html", body: "<html><title> Down </title>" },
      'HTTP 502 Bad Gateway: an HTML page, "Down"',
    ],
    [
      "the text of a page without a title",
      { body: "<!DOCTYPE html><style>a{}</style><b>Oh</b> no" },
      'HTTP 502 Bad Gateway: an HTML page, "Oh no"',
    ],
    ["a page without text", { contentType: "text/html" }, "HTTP 502 Bad Gateway: an HTML page"],
    ["no control characters", { body: "a\u001b[31mb" }, "HTTP 502 Bad Gateway: a [31mb"],
  ])("is %s", (_name, part, line) => {
    expect(describeHttpAnswer({ ...ANSWER, ...part })).toBe(line);
  });

  it("is cut", () => {
    expect(describeHttpAnswer({ ...ANSWER, body: "x".repeat(4096) })).toHaveLength(
      "HTTP 502 Bad Gateway: ".length + 121,
    );
  });
});

describe("Retry-After", () => {
  const nowMs = Date.parse("2026-11-01T00:00:00Z");

  it.each([
    ["seconds", "7", 7_000],
    ["a date", "Sun, 01 Nov 2026 00:00:09 GMT", 9_000],
    ["a date gone by", "Sun, 01 Nov 2020 00:00:09 GMT", 0],
    ["more than allowed", "99999", 60_000],
    ["nothing readable", "soon", null],
    ["nothing", null, null],
  ])("takes %s", (_name, value, waitMs) => {
    expect(parseRetryAfter(value, nowMs, 60_000)).toBe(waitMs);
  });
});
