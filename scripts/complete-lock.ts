/**
 * `npm run lock [-- FOLDER]`: brings the package-lock.json of the project, or of a folder with a package.json of its own, up to date and
 * completes it. npm leaves out the builds for other platforms that its registry does not carry (a mirror may not), and `npm ci` then
 * refuses the file, there and everywhere else. Their exact versions stand in the package that wants them and their platform in their name;
 * only the checksum is missing, and npm does without.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

interface LockedPackage {
  readonly version: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const SYSTEMS = /\b(aix|android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32)\b/;
const PROCESSORS = /\b(arm64|arm|ia32|loong64|mips64el|ppc64|riscv64|s390x|x64)\b/;
const EXACT_VERSION = /^\d+\.\d+\.\d+(-[\w.]+)?$/;

const folder = resolve(fileURLToPath(new URL("../", import.meta.url)), process.argv[2] ?? ".");
const path = `${folder}/package-lock.json`;

execFileSync("npm", ["install", "--package-lock-only", "--ignore-scripts"], { cwd: folder, stdio: "inherit" });
const lock = JSON.parse(readFileSync(path, "utf8")) as { packages: Record<string, LockedPackage> };
const added = missingPackages(lock.packages);
const entries = Object.entries({ ...lock.packages, ...added }).sort(([a], [b]) => a.localeCompare(b, "en"));
writeFileSync(path, `${JSON.stringify({ ...lock, packages: Object.fromEntries(entries) }, null, 2)}\n`);
console.log(`package-lock.json: ${entries.length} packages, ${Object.keys(added).length} of them added by name`);

function missingPackages(packages: Readonly<Record<string, LockedPackage>>): Record<string, LockedPackage> {
  const missing: Record<string, LockedPackage> = {};
  for (const wanting of Object.values(packages)) {
    for (const [name, version] of Object.entries(wanting.optionalDependencies ?? {})) {
      const place = `node_modules/${name}`;
      const isLocked = Object.keys(packages).some((locked) => locked.endsWith(place));
      if (!isLocked && EXACT_VERSION.test(version))
        missing[place] = platformPackage({ name, version, dev: wanting.dev === true });
    }
  }
  return missing;
}

function platformPackage({ name, version, dev }: { name: string; version: string; dev: boolean }): LockedPackage {
  const os = SYSTEMS.exec(name)?.[1];
  const cpu = PROCESSORS.exec(name)?.[1];
  if (os === undefined || cpu === undefined)
    throw new Error(`${name} does not tell its platform: its entry has to be written by hand`);
  const libc = /musl/.test(name) ? "musl" : /gnu/.test(name) ? "glibc" : undefined;
  return {
    version,
    cpu: [cpu],
    ...(dev && { dev }),
    ...(libc !== undefined && { libc: [libc] }),
    optional: true,
    os: [os],
  };
}
