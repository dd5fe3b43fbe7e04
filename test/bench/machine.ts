/** The machine, the versions and the moment of a run, as rows of a table: figures mean nothing without them. */
import { execFileSync } from "node:child_process";
import { cpus, release, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { locateBinaries } from "../../lib/store/embedded/binaries.ts";
import { peerVersions } from "./peers-install.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Names and values, in the order of the page. */
export function describeMachine({
  command,
  commit,
  minutes,
}: {
  readonly command: string;
  readonly commit: string;
  readonly minutes: string;
}): readonly (readonly [string, string])[] {
  const processors = cpus();
  return [
    ["command", `\`${command}\`, ${minutes} minutes`],
    ["date", new Date().toISOString().slice(0, 10)],
    ["commit", commit],
    ["processor", `${processors.length} × ${processors[0]?.model ?? "unknown"}`],
    ["memory", `${Math.round(totalmem() / 2 ** 30)} GB`],
    ["system", `${process.platform} ${release()}, ${process.arch}`],
    ["Node", process.version],
    ["Postgres", `${postgresVersion()}, the embedded one, on the same machine`],
    ["peers", peerVersions().join(", ")],
  ];
}

/** Of the program as it lies there. */
export function commit(): string {
  try {
    const hash = git("rev-parse", "--short", "HEAD");
    return git("status", "--porcelain", "--untracked-files=no") === "" ? hash : `${hash}, with changes`;
  } catch {
    // An unpacked archive has no history.
    return "unknown";
  }
}

function git(...args: readonly string[]): string {
  return execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
}

function postgresVersion(): string {
  const text = execFileSync(locateBinaries().postgres, ["--version"], { encoding: "utf8" });
  return /\d+(\.\d+)*/.exec(text)?.[0] ?? text.trim();
}
