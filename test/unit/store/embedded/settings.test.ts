import { describe, expect, it } from "vitest";
import { portFromSettings, renderSettings } from "../../../../lib/store/embedded/settings.ts";

describe("renderSettings", () => {
  it("is durable and reachable from this machine only, unless told otherwise", () => {
    const text = renderSettings({ port: 5432, settings: {} });
    expect(text).toMatch(/^listen_addresses = '127\.0\.0\.1'$/m);
    expect(text).toMatch(/^fsync = 'on'$/m);
    expect(text).toMatch(/^synchronous_commit = 'on'$/m);
  });

  it("names each setting once, with a caller's in place of ours", () => {
    const text = renderSettings({ port: 5432, settings: { fsync: false, max_connections: 100 } });
    expect(text.match(/^fsync = .*$/gm)).toEqual(["fsync = 'off'"]);
    expect(text.match(/^max_connections = .*$/gm)).toEqual(["max_connections = '100'"]);
  });

  it("quotes what a caller gives", () => {
    expect(renderSettings({ port: 1, settings: { search_path: "it's" } })).toContain("search_path = 'it''s'\n");
  });
});

describe("portFromSettings", () => {
  it("finds the port again", () => {
    expect(portFromSettings(renderSettings({ port: 41_237, settings: {} }))).toBe(41_237);
  });

  it("is null in anything else", () => {
    expect(portFromSettings("")).toBeNull();
    expect(portFromSettings("# port = '1'\nport = many")).toBeNull();
  });
});
