// In: captured frames and the repos they should end in. Out: nothing, or an error that names the account and the path that differ.
import { readCarWithRoot, verifyRepoCar } from "@atproto/repo";
import type { RecordedAccount, RecordedRepo } from "../../lib/core/recording.ts";
import { type DecodedFrame, decodeFrame } from "./capture.ts";

type Paths = Map<string, string>;

export interface Replayed {
  /** Per account: path → CID, after all ops. */
  repos: Map<string, Paths>;
  /** Per account: the rev of its last commit. */
  revs: Map<string, string>;
  accounts: Map<string, RecordedAccount>;
  mix: Map<string, number>;
}

/** Applies every frame's ops in order; checks that each CAR slice is well formed and has the block of each op. */
export async function replay(frames: readonly Uint8Array[]): Promise<Replayed> {
  const replayed: Replayed = { repos: new Map(), revs: new Map(), accounts: new Map(), mix: new Map() };
  for (const bytes of frames) {
    const frame = decodeFrame(bytes);
    count(replayed.mix, frame.kind);
    if (frame.kind === "#commit") await applyCommit(replayed, frame);
    else if (frame.kind === "#identity" || frame.kind === "#account") applyState(replayed.accounts, frame);
  }
  return replayed;
}

/** Compares a repo's CAR, its signature included, with what the frames say. Throws where they differ. */
export async function checkRepo(
  { repos, revs }: Replayed,
  { did, car }: RecordedRepo,
  signingKey: string,
): Promise<number> {
  const expected = repos.get(did) ?? new Map<string, string>();
  const { creates, commit } = await verifyRepoCar(car, did, signingKey);
  if (commit.rev !== revs.get(did))
    throw new Error(`${did}: CAR has rev ${commit.rev}, the last commit frame ${revs.get(did)}`);
  for (const { collection, rkey, cid } of creates) {
    const path = `${collection}/${rkey}`;
    if (expected.get(path) !== cid.toString())
      throw new Error(`${did}: ${path} is ${cid} in the CAR, ${expected.get(path)} by the frames`);
  }
  if (creates.length !== expected.size)
    throw new Error(`${did}: ${creates.length} records in the CAR, ${expected.size} by the frames`);
  return creates.length;
}

async function applyCommit({ repos, revs, mix }: Replayed, { did, seq, ops, body }: DecodedFrame): Promise<void> {
  const { blocks } = await readCarWithRoot(body.blocks as Uint8Array);
  const paths: Paths = repos.get(did) ?? new Map();
  repos.set(did, paths);
  if (body.since !== null && body.since !== revs.get(did))
    throw new Error(`seq ${seq}: since ${body.since} after ${revs.get(did)}`);
  revs.set(did, body.rev as string);
  if (ops.length === 0) count(mix, "commit without ops");
  if (ops.length > 1) count(mix, "commit of several ops");
  for (const { action, path, cid } of ops) {
    count(mix, `${path.slice(0, path.indexOf("/"))} ${action}`);
    if (cid === null) paths.delete(path);
    else if (blocks.has(cid as never)) paths.set(path, cid.toString());
    else throw new Error(`seq ${seq}: ${path} has no block`);
  }
}

function applyState(accounts: Map<string, RecordedAccount>, { kind, did, body }: DecodedFrame): void {
  const { handle, active, status } = body as { handle?: string; active?: boolean; status?: string };
  const { handle: knownHandle, ...known } = accounts.get(did) ?? { active: true };
  const latest = handle ?? knownHandle;
  const state = kind === "#account" ? { active: active === true, ...(status !== undefined && { status }) } : known;
  accounts.set(did, { ...(latest !== undefined && { handle: latest }), ...state });
}

function count(mix: Map<string, number>, what: string): void {
  mix.set(what, (mix.get(what) ?? 0) + 1);
}
