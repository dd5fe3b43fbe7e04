/** docs/migrating.md says of settings, views and commands what is true. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { SETTINGS, type SettingName } from "../../../lib/config/settings.ts";
import { KINDS } from "../../../lib/store/compare/kinds.ts";
import { VIEW_NAMES } from "../../../lib/store/view-names.ts";
import { projectRoot } from "../../support/project-root.ts";
import { runCommand } from "../../support/run-command.ts";

const page = readFileSync(join(projectRoot, "docs/migrating.md"), "utf8");
const section = (title: string): string => page.split(/^## /m).find((part) => part.startsWith(`${title}\n`)) ?? "";

describe("the settings of docs/migrating.md", () => {
  const rows = Array.from(
    section("Settings").matchAll(/^\| `([A-Z_]+)` \| [^|]* \| ([^|]*) \|/gm),
    ([, name = "", ours = ""]) => ({
      name,
      ours: ours.trim(),
    }),
  );

  it("are some", () => {
    expect(rows.length).toBeGreaterThanOrEqual(15);
  });

  it.each(rows)("$name is one of ours, with the default that stands there", ({ name, ours }) => {
    expect(Object.keys(SETTINGS)).toContain(name);
    const { fallback } = SETTINGS[name as SettingName];
    if (name === "CONSUMER_ID") expect(ours).toBe("the host's name");
    else expect(ours).toBe(fallback === null ? "–" : `\`${fallback}\``);
  });

  it("that are not read are none of ours", () => {
    const [, list = ""] = /^These are not read[^:]*: ([^.]+)\./m.exec(section("Settings")) ?? [];
    const names = Array.from(list.matchAll(/`([A-Z_]+)`/g), ([, name = ""]) => name);
    expect(names.length).toBeGreaterThanOrEqual(5);
    for (const name of names) expect(Object.keys(SETTINGS)).not.toContain(name);
  });
});

it("names commands, and options of compare, that there are", async () => {
  const help = (await runCommand(["compare", "--help"])).out;
  for (const option of section("Compare").match(/--[a-z]+/g) ?? []) expect(help).toContain(option);
  const commands = new Set(
    Array.from(page.matchAll(/standpipe (compare|ingest|work|start|dead-letters|[a-z]+ )/g), ([, name = ""]) =>
      name.trim(),
    ),
  );
  for (const name of commands) expect(await runCommand([name, "--help"])).toMatchObject({ code: 0 });
});

it("names as left out and as not written what compare takes for it", () => {
  for (const { established, name } of KINDS) {
    if (established === null) expect(page).toContain(`\`${name}\``);
    for (const collection of established?.leavesOut ?? []) {
      // Bookmarks and labels are named by what they are.
      if (!/bookmark|label/.test(collection)) expect(section("Compare")).toContain(`\`${collection}\``);
    }
  }
});

it("shows our side of their columns in views that there are", () => {
  const rows = Array.from(
    section("Their columns in our views").matchAll(/^\| [^|]+ \| ([^|]+) \|$/gm),
    ([, ours = ""]) => ours,
  );
  const named = rows.flatMap((ours) => Array.from(ours.matchAll(/`([a-z_]+)[.(]/g), ([, name = ""]) => name));
  expect(named.length).toBeGreaterThanOrEqual(10);
  for (const name of named) expect(VIEW_NAMES).toContain(name);
});
