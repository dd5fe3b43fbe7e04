/** A data directory in, the account under which its server runs out: Postgres refuses to run as root. */
import { chownSync, readFileSync, statSync } from "node:fs";
import type { PostgresBinaries } from "./binaries.ts";
import { type Invocation, run } from "./child.ts";
import { EmbeddedPostgresError, OTHER_WAYS } from "./errors.ts";

/**
 * `self`: as we are. `user`: another user of this machine. `namespace`: as root's files' owner, but in a user namespace in
 * which that owner has another number, so that Postgres does not see root; for directories that only root can reach.
 */
export type Account =
  | { readonly kind: "self" }
  | { readonly kind: "user"; readonly uid: number; readonly gid: number }
  | { readonly kind: "namespace" };

/** `nobody`: initdb looks its own user up by number, and this one has a name everywhere. */
const NAMESPACE_ID = 65534;

/** Nothing of our environment (`PGDATA`, `LD_PRELOAD`, locales) may change what the server does. */
const ENVIRONMENT = { LC_ALL: "C", PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" };

/** How to spawn this command under this account. */
export function asAccount(account: Account, command: string, args: readonly string[]): Invocation {
  const options = { env: ENVIRONMENT, cwd: "/" };
  switch (account.kind) {
    case "self":
      return { command, args, options };
    case "user":
      return { command, args, options: { ...options, uid: account.uid, gid: account.gid } };
    case "namespace": {
      const mapping = ["--user", `--map-user=${NAMESPACE_ID}`, `--map-group=${NAMESPACE_ID}`, "--"];
      return { command: "unshare", args: [...mapping, command, ...args], options };
    }
  }
}

/** The accounts worth trying for a new cluster in this directory, best first. */
export function accountsForNewCluster(dataDir: string): readonly Account[] {
  if (process.getuid?.() !== 0) return [{ kind: "self" }];
  const users = readUsers();
  const owner = users.find((user) => user.uid === statSync(dataDir).uid);
  const named = ["postgres", "nobody"].map((name) => users.find((user) => user.name === name));
  const candidates = [owner, ...named].filter((user) => user !== undefined && user.uid !== 0) as UserEntry[];
  const others = candidates.map(({ uid, gid }) => ({ kind: "user" as const, uid, gid }));
  return [...others, { kind: "namespace" }];
}

/**
 * The account of a cluster that exists: its owner, since Postgres opens no other's.
 * @throws EmbeddedPostgresError where that is neither us nor, for root, somebody we can become.
 */
export function accountOfCluster(clusterDir: string): Account {
  const { uid, gid } = statSync(clusterDir);
  const ours = process.getuid?.() ?? uid;
  if (ours === 0) return uid === 0 ? { kind: "namespace" } : { kind: "user", uid, gid };
  if (uid === ours) return { kind: "self" };
  throw new EmbeddedPostgresError(
    `${clusterDir} belongs to user ${uid} and we run as ${ours}: run as that user, give it back with chown, ` +
      `set STANDPIPE_DATA_DIR to another directory, ${OTHER_WAYS}`,
  );
}

/** Of the probe's script, where it is the directory that does not let it in. */
const NO_ENTRY = 9;

/** Whether this account can run the binaries and write into the directory; otherwise why not. */
export async function probeAccount(
  account: Account,
  { directory, binaries }: { readonly directory: string; readonly binaries: PostgresBinaries },
): Promise<{ readonly ok: true } | { readonly ok: false; readonly reason: string }> {
  const script = `cd "$1" 2>/dev/null && test -w . || exit ${NO_ENTRY}; "$2" --version && "$3" --version`;
  const args = ["-c", script, "sh", directory, binaries.postgres, binaries.initdb];
  const result = await run(asAccount(account, "/bin/sh", args));
  if (result.exitCode === 0) return { ok: true };
  const who = describeAccount(account);
  if (result.exitCode === NO_ENTRY) return { ok: false, reason: `${who} cannot get into it` };
  return { ok: false, reason: `${who}: ${result.output.trim().split("\n").at(-1)}` };
}

/** Gives a file that we made as root to the server's account, so that it is the one of everything in there. */
export function giveTo(account: Account, path: string): void {
  if (account.kind === "user") chownSync(path, account.uid, account.gid);
}

export function describeAccount(account: Account): string {
  switch (account.kind) {
    case "self":
      return "this user";
    case "user":
      return `user ${account.uid}`;
    case "namespace":
      return "root in a user namespace";
  }
}

interface UserEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

function readUsers(): readonly UserEntry[] {
  const lines = readFileSync("/etc/passwd", "utf8").split("\n");
  return lines.flatMap((line) => {
    const [name, , uid, gid] = line.split(":");
    return name && uid && gid ? [{ name, uid: Number(uid), gid: Number(gid) }] : [];
  });
}
