import { expect, test } from "vitest";
import { displayWidth, renderTable } from "../../../bin/table.ts";

test("aligns columns: numbers right, text left", () => {
  const rows = [
    ["did:plc:a", 1],
    ["did:web:example.com", 12_345],
    [null, null],
  ];
  expect(renderTable({ columns: ["did", "followers"], rows })).toBe(
    [
      "did                  followers",
      "───────────────────  ─────────",
      "did:plc:a                    1",
      "did:web:example.com      12345",
      "",
    ].join("\n"),
  );
});

test("shows times, bytes and JSON as text", () => {
  const row = [new Date("2026-07-04T14:38:07Z"), Buffer.from([1, 255]), { langs: ["en"] }, true];
  const text = renderTable({ columns: ["a", "b", "c", "d"], rows: [row] });
  expect(text).toContain('2026-07-04T14:38:07.000Z  \\x01ff  {"langs":["en"]}  true');
});

test("text of the network neither breaks lines nor moves the cursor, and long text is cut", () => {
  const text = renderTable({ columns: ["text"], rows: [[`a\nb\u001b[2J\u202e${"x".repeat(200)}`]] });
  expect(text.split("\n")).toHaveLength(3);
  expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\u202e]/u);
  expect(text.endsWith("…")).toBe(true);
  expect(displayWidth(text.split("\n")[2] ?? "")).toBeLessThanOrEqual(80);
});

test.each([
  ["abc", 3],
  ["日本語", 6],
  ["한국", 4],
  ["e\u0301", 1],
  ["🦋", 2],
])("%s takes %i columns", (text, width) => {
  expect(displayWidth(text)).toBe(width);
});

test("a table without rows has its head", () => {
  expect(renderTable({ columns: ["a"], rows: [] })).toBe("a\n─");
});
