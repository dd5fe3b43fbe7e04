/**
 * What the recorded network ended as, read by independent code (`@atproto/repo` for the CARs), and the comparison of a
 * database with it: every record by path, CID and rebuilt bytes, every counter, every account.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { MemoryBlockstore, Repo, readCarWithRoot } from "@atproto/repo";
import type { Pool } from "pg";
import { cidText, digestOf } from "../../lib/core/cid.ts";
import { decodeCbor } from "../../lib/core/dag-cbor.ts";
import { toDagJson } from "../../lib/core/dag-json.ts";
import { openRecording } from "../../lib/core/recording.ts";
import { checkCounters } from "../../lib/store/check-counters.ts";
import { type ExactRecord, exactRecords } from "../../lib/store/exact-records.ts";
import { projectRoot } from "./project-root.ts";

export interface ExpectedRepo {
  readonly did: string;
  /** Path (`collection/rkey`) → CID. */
  readonly records: ReadonlyMap<string, string>;
}

export interface ExpectedAccount {
  readonly handle?: string;
  readonly active: boolean;
  readonly status?: string;
}

/** What a network ended as. */
export interface NetworkEnd {
  readonly repos: readonly ExpectedRepo[];
  readonly accounts: ReadonlyMap<string, ExpectedAccount>;
}

const recording = openRecording(readFileSync(join(projectRoot, "test/fixtures/network.spr")));
export function recordedRepos(): Iterable<{ readonly did: string; readonly car: Uint8Array }> {
  return recording.repos();
}

let repos: Promise<ExpectedRepo[]> | undefined;

/** Every final repo; read once a test file. */
export function expectedRepos(): Promise<ExpectedRepo[]> {
  repos ??= Promise.all(Array.from(recording.repos(), readRepo));
  return repos;
}

async function readRepo({ did, car }: { readonly did: string; readonly car: Uint8Array }): Promise<ExpectedRepo> {
  const { root, blocks } = await readCarWithRoot(car);
  const repo = await Repo.load(new MemoryBlockstore(blocks), root);
  const leaves = await repo.data.list();
  return { did, records: new Map(leaves.map((leaf) => [leaf.key, leaf.value.toString()])) };
}

/** Every difference between the database and the recorded network's end, one line each: none, if nothing was lost or doubled. */
export async function differences(pool: Pool): Promise<string[]> {
  const found = await differencesFrom({ repos: await expectedRepos(), accounts: recording.accounts() }, pool);
  const letters = await pool.query<{ reason: string; detail: string }>(
    "SELECT reason, detail FROM standpipe.dead_letter",
  );
  found.push(...letters.rows.map(({ reason, detail }) => `dead letter: ${reason}: ${detail}`));
  return found;
}

/** The same from any network's end; dead letters are the caller's affair. */
export async function differencesFrom({ repos: wanted, accounts }: NetworkEnd, pool: Pool): Promise<string[]> {
  const found: string[] = [];
  const stored = Map.groupBy(await exactRecords(pool, { schema: "public" }), ({ did }) => did);
  for (const repo of wanted) {
    found.push(...recordDifferences(repo, stored.get(repo.did) ?? []));
    stored.delete(repo.did);
  }
  found.push(...Array.from(stored.keys(), (did) => `${did}: has records, and no repo`));
  found.push(...(await accountDifferences(accounts, pool)));
  for (const { what, stored: kept, counted } of await checkCounters(pool)) {
    found.push(`${what}: stored ${kept}, counted ${counted}`);
  }
  return found;
}

function recordDifferences({ did, records }: ExpectedRepo, stored: readonly ExactRecord[]): string[] {
  const found: string[] = [];
  const missing = new Map(records);
  for (const { collection, rkey, cid, cbor } of stored) {
    const path = `${collection}/${rkey}`;
    const wanted = records.get(path);
    if (wanted !== cid) {
      found.push(`${did}/${path}: CID ${cid} is stored, ${wanted ?? "nothing"} is right`);
    }
    if (cidText(digestOf(cbor)) !== cid) {
      found.push(`${did}/${path}: the rebuilt bytes do not hash to ${cid}`);
    }
    missing.delete(path);
  }
  found.push(...Array.from(missing.keys(), (path) => `${did}/${path}: missing`));
  return found;
}

/** Records whose `value` in the views is not the JSON of their bytes, one line each. */
export async function valueDifferences(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ did: string; collection: string; rkey: string; value: unknown }>(
    "SELECT did, collection, rkey, value FROM all_records",
  );
  const shown = new Map(rows.map(({ did, collection, rkey, value }) => [`${did}/${collection}/${rkey}`, value]));
  const found: string[] = [];
  for (const { did, collection, rkey, cbor } of await exactRecords(pool, { schema: "public" })) {
    const decoded = decodeCbor(cbor);
    const wanted: unknown = decoded.ok ? JSON.parse(toDagJson(decoded.value).json) : null;
    if (!isDeepStrictEqual(shown.get(`${did}/${collection}/${rkey}`), wanted)) {
      found.push(`${did}/${collection}/${rkey}: ${JSON.stringify(shown.get(`${did}/${collection}/${rkey}`))}`);
    }
  }
  return found;
}

async function accountDifferences(accounts: NetworkEnd["accounts"], pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ did: string; handle: string | null; active: boolean; status: string | null }>(
    "SELECT did, handle, active, status FROM users",
  );
  const stored = new Map(rows.map((row) => [row.did, row]));
  const found: string[] = [];
  for (const [did, { handle, active, status }] of accounts) {
    const user = stored.get(did);
    const wanted = `${handle ?? null} ${active} ${status ?? null}`;
    const got = user === undefined ? "nobody" : `${user.handle} ${user.active} ${user.status}`;
    if (wanted !== got) {
      found.push(`${did}: ${got} is stored, ${wanted} is right`);
    }
  }
  return found;
}
