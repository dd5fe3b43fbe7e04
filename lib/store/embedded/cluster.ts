/** A data directory in, its database cluster out: created on first use, whole or not at all. */
import { randomBytes } from "node:crypto";
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  opendirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { Account } from "./account.ts";
import {
  accountOfCluster,
  accountsForNewCluster,
  asAccount,
  describeAccount,
  giveTo,
  probeAccount,
} from "./account.ts";
import { isNodeError, type PostgresBinaries } from "./binaries.ts";
import { run } from "./child.ts";
import { DataDirectoryError, EmbeddedPostgresError, ForeignClusterError, OTHER_WAYS } from "./errors.ts";

/** The role that initdb creates; only loopback can reach it, with the password. */
export const SUPERUSER = "standpipe";

/** The only format of data files that the binaries read. */
const MAJOR_VERSION = "18";
const PASSWORD_FILE = "standpipe.password";
const SETTINGS_FILE = "standpipe.conf";
const UNFINISHED_PREFIX = "postgres.new-";

export interface Cluster {
  /** Absolute: what Postgres calls its data directory. */
  readonly directory: string;
  readonly settingsFile: string;
  readonly password: string;
  readonly account: Account;
  readonly created: boolean;
}

export interface ClusterOptions {
  /** Absolute. */
  readonly dataDir: string;
  readonly binaries: PostgresBinaries;
  /** Told before initdb runs, which takes a second or two. */
  readonly onCreate: () => void;
}

/** @throws ForeignClusterError where there is another one, EmbeddedPostgresError where it can be neither opened nor created. */
export async function openCluster(options: ClusterOptions): Promise<Cluster> {
  const directory = join(options.dataDir, "postgres");
  const exists = existsSync(directory);
  if (!exists) await createCluster(options, directory);
  // First, since another user's cluster cannot be read either.
  const account = accountOfCluster(directory);
  const version = readClusterFile(directory, "PG_VERSION").trim();
  if (version !== MAJOR_VERSION) {
    throw new ForeignClusterError(
      `${directory} was made by Postgres ${version}, the embedded one is ${MAJOR_VERSION}: ` +
        `set STANDPIPE_DATA_DIR to another directory, ${OTHER_WAYS}`,
    );
  }
  return {
    directory,
    settingsFile: join(directory, SETTINGS_FILE),
    password: readClusterFile(directory, PASSWORD_FILE).trim(),
    account,
    created: !exists,
  };
}

function readClusterFile(directory: string, name: string): string {
  try {
    return readFileSync(join(directory, name), "utf8");
  } catch (cause) {
    throw new ForeignClusterError(
      `${directory} is not a database that standpipe made (${name} cannot be read): ` +
        `set STANDPIPE_DATA_DIR to another directory, ${OTHER_WAYS}`,
      { cause },
    );
  }
}

async function createCluster({ dataDir, binaries, onCreate }: ClusterOptions, directory: string): Promise<void> {
  makeDataDir(dataDir);
  onCreate();
  removeUnfinished(dataDir);
  const reasons: string[] = [];
  for (const account of accountsForNewCluster(dataDir)) {
    const outcome = await tryCreate({ account, dataDir, binaries, directory });
    if (outcome.ok) return;
    reasons.push(outcome.reason);
  }
  const advice =
    process.getuid?.() === 0
      ? `run as a user other than root, set STANDPIPE_DATA_DIR to a directory that other users can reach, ${OTHER_WAYS}`
      : `set STANDPIPE_DATA_DIR to another directory, ${OTHER_WAYS}`;
  throw new EmbeddedPostgresError(`cannot create the database in ${dataDir} (${reasons.join("; ")}): ${advice}`);
}

function makeDataDir(dataDir: string): void {
  try {
    const made = makeDirectories(dataDir);
    if (made !== undefined && process.getuid?.() === 0) {
      // Made under sudo in somebody's directory, it is theirs, and they can go on without sudo.
      const { uid, gid } = statSync(dirname(made));
      chownSync(dataDir, uid, gid);
    }
  } catch (cause) {
    throw new DataDirectoryError(dataDir, { cause });
  }
}

/** As `mkdirSync` with `recursive`, which loops for ever where a parent is there and yet answers ENOENT, as in /proc. Gives the first one made. */
function makeDirectories(path: string): string | undefined {
  if (existsSync(path)) {
    // Says what it is where it is none.
    opendirSync(path).closeSync();
    return undefined;
  }
  const above = makeDirectories(dirname(path));
  try {
    mkdirSync(path);
  } catch (error) {
    // Made by another start in between.
    if (!isNodeError(error) || error.code !== "EEXIST") throw error;
  }
  return above ?? path;
}

interface Attempt {
  readonly account: Account;
  readonly dataDir: string;
  readonly binaries: PostgresBinaries;
  readonly directory: string;
}

type AttemptOutcome = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** Everything is made beside and renamed as the last step: a crash leaves a directory that the next start removes. */
async function tryCreate({ account, dataDir, binaries, directory }: Attempt): Promise<AttemptOutcome> {
  const unfinished = mkdtempSync(join(dataDir, `${UNFINISHED_PREFIX}${process.pid}-`));
  try {
    const passwordFile = join(unfinished, "password");
    writeFileSync(passwordFile, `${randomBytes(24).toString("base64url")}\n`, { mode: 0o600 });
    for (const path of [unfinished, passwordFile]) giveTo(account, path);
    const probe = await probeAccount(account, { directory: unfinished, binaries });
    if (!probe.ok) return probe;
    const made = join(unfinished, "cluster");
    const outcome = await runInitdb({ account, binaries, directory: made, passwordFile });
    if (!outcome.ok) return outcome;
    renameSync(passwordFile, join(made, PASSWORD_FILE));
    writeFileSync(join(made, "postgresql.conf"), `include_if_exists = '${SETTINGS_FILE}'\n`, { flag: "a" });
    renameUnlessThere(made, directory);
    return { ok: true };
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

async function runInitdb(
  options: Pick<Attempt, "account" | "binaries" | "directory"> & { readonly passwordFile: string },
): Promise<AttemptOutcome> {
  const { account, binaries, directory, passwordFile } = options;
  const result = await run(
    asAccount(account, binaries.initdb, [
      `--pgdata=${directory}`,
      `--username=${SUPERUSER}`,
      "--auth=scram-sha-256",
      `--pwfile=${passwordFile}`,
      "--encoding=UTF8",
      "--locale=C",
    ]),
  );
  if (result.exitCode === 0) return { ok: true };
  const lines = result.output.trim().split("\n");
  const error = lines.find((line) => line.includes("error:")) ?? lines.at(-1) ?? "no output";
  return { ok: false, reason: `${describeAccount(account)}: ${error}` };
}

/** Two first starts at once: the one that comes second uses the other's. */
function renameUnlessThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!isNodeError(error) || (error.code !== "ENOTEMPTY" && error.code !== "EEXIST")) throw error;
  }
}

/** What a process that is no more left behind; another's that is still at it stays. */
function removeUnfinished(dataDir: string): void {
  for (const name of readdirSync(dataDir)) {
    const pid = new RegExp(`^${UNFINISHED_PREFIX}(\\d+)-`).exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    rmSync(join(dataDir, name), { recursive: true, force: true });
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isNodeError(error) && error.code === "EPERM";
  }
}
