// In: an account and the writes it wants. Out: one signed commit of the PDS, and where the new records are.
import { cidForLex } from "@atproto/lex-cbor";
import { WriteOpAction } from "@atproto/repo";
import { AtUri } from "@atproto/syntax";
import type { Network } from "./network.ts";

export interface Account {
  readonly did: string;
  /** The one it has now. */
  handle: string;
  readonly auth: string;
}

/** A record's place and version, as a strong reference has them. */
export interface Ref {
  readonly uri: string;
  readonly cid: string;
}

export type Json = Record<string, unknown>;

export interface NewRecord {
  readonly collection: string;
  readonly record: Json;
  readonly rkey?: string;
  /** false: the PDS stores it without looking at the lexicon. */
  readonly validate?: false;
}

export type Write =
  | { readonly action: "create" | "update"; readonly collection: string; readonly rkey?: string; readonly value: Json }
  | { readonly action: "delete"; readonly collection: string; readonly rkey: string };

const WRITE_TYPES = {
  create: "com.atproto.repo.applyWrites#create",
  update: "com.atproto.repo.applyWrites#update",
  delete: "com.atproto.repo.applyWrites#delete",
};

/**
 * One create. For likes, reposts, follows and blocks of a subject that the account already has, the PDS deletes the older
 * record in the same commit, unless `validate` is false.
 */
export async function createRecord(network: Network, { did, auth }: Account, record: NewRecord): Promise<Ref> {
  const answer = await network.call("com.atproto.repo.createRecord", { auth, input: { repo: did, ...typed(record) } });
  return refOf(answer as Ref);
}

/** One create or update of a known key. */
export async function putRecord(
  network: Network,
  { did, auth }: Account,
  record: NewRecord & { rkey: string },
): Promise<Ref> {
  const answer = await network.call("com.atproto.repo.putRecord", { auth, input: { repo: did, ...typed(record) } });
  return refOf(answer as Ref);
}

/** One delete; no commit where the record is not there. */
export async function deleteRecord(network: Network, { did, auth }: Account, uri: string): Promise<void> {
  const { collection, rkey } = new AtUri(uri);
  await network.call("com.atproto.repo.deleteRecord", { auth, input: { repo: did, collection, rkey } });
}

/** Up to 200 writes in one commit, unchecked by lexicons. Returns a reference per write (for a delete: one without content). */
export async function applyWrites(network: Network, { did, auth }: Account, writes: readonly Write[]): Promise<Ref[]> {
  const input = {
    repo: did,
    validate: false,
    writes: writes.map(({ action, ...write }) => ({ $type: WRITE_TYPES[action], ...write })),
  };
  const { results } = (await network.call("com.atproto.repo.applyWrites", { auth, input })) as { results: Ref[] };
  return results.map(refOf);
}

/**
 * One create that the PDS's HTTP interface would refuse (a `$type` of another collection, for instance; servers of other makers let it
 * pass). It goes into the PDS one floor lower: the same storage, signature, commit and sequencer, without the check of the request.
 */
export async function createUnchecked(
  network: Network,
  { did }: Account,
  { collection, rkey, record }: NewRecord & { rkey: string },
): Promise<Ref> {
  const uri = AtUri.make(did, collection, rkey);
  const cid = await cidForLex(record as never);
  const { actorStore, sequencer, accountManager } = network.pds.ctx;
  const commit = await actorStore.transact(did as never, async (store) => {
    const write = { action: WriteOpAction.Create, uri, cid, record, blobs: [] };
    const formatted = await store.repo.processWrites([write as never]);
    await sequencer.sequenceCommit(did as never, formatted);
    return formatted;
  });
  await accountManager.updateRepoRoot(did as never, commit.cid, commit.rev);
  return { uri: uri.toString(), cid: cid.toString() };
}

/** The answers carry more (commit, validationStatus), which no client writes into its records. */
function refOf({ uri, cid }: Ref): Ref {
  return { uri, cid };
}

export function rkeyOf(uri: string): string {
  return new AtUri(uri).rkey;
}

export function didOf(uri: string): string {
  return new AtUri(uri).hostname;
}

function typed({ collection, record, rkey, validate }: NewRecord): Json {
  return {
    collection,
    record: { $type: collection, ...record },
    ...(rkey !== undefined && { rkey }),
    ...(validate === false && { validate }),
  };
}
