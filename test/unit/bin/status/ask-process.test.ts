import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { askProcess } from "../../../../bin/status/ask-process.ts";
import { exampleSnapshot } from "../../../support/example-snapshot.ts";

let server: Server | null = null;

afterEach(async () => {
  await new Promise((resolve) => (server === null ? resolve(null) : server.close(resolve)));
  server = null;
});

async function serve(body: string): Promise<string> {
  const listening = createServer((_, response) => response.end(body));
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(listening.address() as AddressInfo).port}/status`;
}

test("gives what our own process answers", async () => {
  const snapshot = exampleSnapshot();
  expect(await askProcess(await serve(JSON.stringify(snapshot)))).toEqual(snapshot);
});

test.each([["<html>another program</html>"], ["{}"], ["null"], ['"ok"'], ['{"version":"1"}']])(
  "another program that answers %s is not taken for ours",
  async (body) => {
    expect(await askProcess(await serve(body))).toBeNull();
  },
);

test("nobody there is no error", async () => {
  expect(await askProcess("http://127.0.0.1:1/status")).toBeNull();
});
