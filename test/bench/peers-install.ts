/** The programs of others that some parts compare with: installed on first use from test/bench/package-lock.json. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("./", import.meta.url));

/** Runs `npm ci` where nothing is installed or the lock file is newer than what is. */
export function installPeers(log: (line: string) => void): void {
  const installed = `${folder}node_modules/.package-lock.json`;
  const lock = `${folder}package-lock.json`;
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  log("installing the peers into test/bench/node_modules (npm ci)");
  execFileSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: folder, stdio: ["ignore", 2, 2] });
}

/** Names and versions as installed, of what test/bench/package.json asks for. */
export function peerVersions(): readonly string[] {
  const wanted = dependenciesOf(`${folder}package.json`);
  return wanted.flatMap((name) => {
    const version = versionOf(`${folder}node_modules/${name}/package.json`);
    return version === undefined ? [] : [`${name} ${version}`];
  });
}

function dependenciesOf(path: string): readonly string[] {
  if (!existsSync(path)) return [];
  const { dependencies = {} } = JSON.parse(readFileSync(path, "utf8")) as { dependencies?: Record<string, string> };
  return Object.keys(dependencies);
}

function versionOf(path: string): string | undefined {
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version : undefined;
}
