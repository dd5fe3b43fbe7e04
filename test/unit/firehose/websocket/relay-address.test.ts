import { describe, expect, it } from "vitest";
import {
  InvalidRelayError,
  parseRelayAddress,
  subscribeUrl,
} from "../../../../lib/firehose/websocket/relay-address.ts";

const PATH = "/xrpc/com.atproto.sync.subscribeRepos";

describe("relay address", () => {
  it.each([
    ["wss://bsky.network", "bsky.network", `wss://bsky.network${PATH}`],
    ["https://Relay.Example/", "relay.example", `wss://relay.example${PATH}`],
    ["http://127.0.0.1:2470", "127.0.0.1:2470", `ws://127.0.0.1:2470${PATH}`],
    ["ws://[::1]:80", "[::1]", `ws://[::1]${PATH}`],
    [`wss://relay.example${PATH}?cursor=5#x`, "relay.example", `wss://relay.example${PATH}`],
    ["wss://relay.example/behind/a/path/", "relay.example", `wss://relay.example/behind/a/path${PATH}`],
  ])("reads %s", (text, host, url) => {
    const address = parseRelayAddress(text);
    expect([address.host, address.url.href]).toEqual([host, url]);
  });

  it.each(["", "bsky.network", "ftp://bsky.network", "wss://"])("refuses %j", (text) => {
    expect(() => parseRelayAddress(text)).toThrow(InvalidRelayError);
  });

  it("puts the cursor into the URL, and none for live", () => {
    const address = parseRelayAddress("wss://bsky.network");
    expect(subscribeUrl(address, 0).search).toBe("?cursor=0");
    expect(subscribeUrl(address, null).search).toBe("");
  });
});
