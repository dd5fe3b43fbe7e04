/** A stretch of the recorded network and how it ends, folded from its frames by code that shares nothing with ours: `@atcute/cbor` and `@atproto/repo`. */
import { decode, decodeFirst } from "@atcute/cbor";
import { readCar } from "@atproto/repo";
import { laneOf } from "../../../lib/core/lane.ts";
import { locateSeq, replaceSeq } from "../../../lib/firehose/relay/frame-seq.ts";
import type { ExpectedAccount, NetworkEnd } from "../../support/expected-end.ts";

export interface SliceFrame {
  readonly seq: number;
  readonly did: string;
  readonly bytes: Uint8Array;
}

export interface Slice {
  readonly frames: readonly SliceFrame[];
  /** seq before the first. */
  readonly beforeSeq: number;
  readonly lastSeq: number;
  readonly end: NetworkEnd;
}

interface Body {
  readonly repo?: string;
  readonly did?: string;
  readonly rev?: string;
  readonly blocks?: { readonly buf: Uint8Array };
  readonly ops?: readonly {
    readonly action: string;
    readonly path: string;
    readonly cid: { readonly $link: string } | null;
  }[];
  readonly handle?: string;
  readonly active?: boolean;
  readonly status?: string;
}

/** These frames, with the seq of the first and those after it. */
export async function sliceOf(given: readonly Uint8Array[]): Promise<Slice> {
  const bytes = withSeqs(given);
  const records = new Map<string, Map<string, string>>();
  const accounts = new Map<string, ExpectedAccount>();
  const frames: SliceFrame[] = [];
  for (const frame of bytes) {
    const [header, rest] = decodeFirst(frame) as [{ readonly t: string }, Uint8Array];
    const body = decode(rest) as Body;
    const did = body.repo ?? body.did ?? "";
    frames.push({ seq: seqOf(frame), did, bytes: frame });
    if (header.t === "#commit") await fold(body, records);
    const before = accounts.get(did) ?? { active: true };
    if (header.t === "#identity")
      accounts.set(did, { ...before, ...(body.handle !== undefined && { handle: body.handle }) });
    if (header.t === "#account") accounts.set(did, accountOf(before, body));
  }
  const [first, last] = [frames[0]?.seq ?? 1, frames.at(-1)?.seq ?? 0];
  const repos = Array.from(records, ([did, paths]) => ({ did, records: paths }));
  return { frames, beforeSeq: first - 1, lastSeq: last, end: { repos, accounts } };
}

function withSeqs(frames: readonly Uint8Array[]): readonly Uint8Array[] {
  const first = seqOf(frames[0]);
  return frames.map((frame, index) => {
    const place = locateSeq(frame);
    return place === null ? frame : replaceSeq(frame, place, first + index);
  });
}

function seqOf(frame: Uint8Array | undefined): number {
  return frame === undefined ? 1 : (locateSeq(frame)?.seq ?? 1);
}

async function fold({ repo = "", ops = [], blocks }: Body, records: Map<string, Map<string, string>>): Promise<void> {
  const paths = records.get(repo) ?? new Map<string, string>();
  records.set(repo, paths);
  const car = await readCar(blocks?.buf ?? new Uint8Array());
  for (const { action, path, cid } of ops) {
    if (action === "delete") paths.delete(path);
    else if (cid !== null && [...car.blocks.cids()].some((each) => each.toString() === cid.$link))
      paths.set(path, cid.$link);
  }
}

function accountOf({ handle }: ExpectedAccount, { active = true, status }: Body): ExpectedAccount {
  return { ...(handle !== undefined && { handle }), active, ...(!active && status !== undefined && { status }) };
}

/** By lane: the seq of its last event; 0 where it has none. */
export function lastSeqs({ frames }: Slice, lanes: number): readonly number[] {
  const last = Array.from({ length: lanes }, () => 0);
  for (const { did, seq } of frames) last[laneOf(did, lanes)] = seq;
  return last;
}
