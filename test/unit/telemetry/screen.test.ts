import { expect, test } from "vitest";
import { createScreen } from "../../../lib/telemetry/screen.ts";

function streams(isTTY: boolean) {
  const written: string[] = [];
  const stream = (name: string) => ({ isTTY, columns: 72, write: (text: string) => written.push(`${name}:${text}`) });
  return { written, screen: createScreen({ out: stream("out"), err: stream("err") }) };
}

test("on a terminal the status is rewritten in place, and a line moves it down", () => {
  const { written, screen } = streams(true);
  screen.status("one");
  screen.log("a warning\n");
  screen.endStatus();
  expect(written).toEqual(["out:\r\u001b[2Kone", "out:\r\u001b[2K", "err:a warning\n", "out:one", "out:\n"]);
  expect(screen.width).toBe(72);
});

test.each([[0], [undefined]])("a terminal of %s columns is one of 80", (columns) => {
  const out = { isTTY: true, ...(columns === undefined ? {} : { columns }), write: () => true };
  expect(createScreen({ out, err: out }).width).toBe(80);
});

test("elsewhere each status is a plain line", () => {
  const { written, screen } = streams(false);
  screen.status("one");
  screen.line("two");
  screen.endStatus();
  expect(written).toEqual(["out:one\n", "out:two\n"]);
  expect(screen.width).toBeNull();
});
