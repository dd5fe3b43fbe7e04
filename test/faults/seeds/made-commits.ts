/** Commits of made-up accounts in, frames as a relay sends them out. The signature is not one: nobody on the way looks at it. */
import { createHash } from "node:crypto";
import { CidLink } from "../../../lib/core/cid.ts";
import type { CborValue } from "../../../lib/core/dag-cbor.ts";
import { encodeCbor } from "../../../lib/core/dag-cbor-encode.ts";
import { makeTid, tidText } from "../../../lib/core/tid.ts";
import { messageFrame } from "../../support/event-frames.ts";
import { type Block, cidOf, joinCar } from "../../support/recorded-frames.ts";

export type Fields = Readonly<Record<string, CborValue>>;

/** A record that is created or updated; a deletion where there is none. */
export interface MadeOp {
  readonly path: string;
  readonly record?: Fields;
  readonly isUpdate?: boolean;
}

export interface MadeCommit {
  /** Of the account, any text: the same name is the same repo. */
  readonly account: string;
  readonly ops: readonly MadeOp[];
}

/** Revs are of this day, in the order of the commits. The network was recorded the day before. */
const START_MICROS = Date.parse("2026-11-22T00:00:00Z") * 1000;
const CLOCK = 7;

/** The seqs are 1 and so on. */
export function framesOf(commits: readonly MadeCommit[]): readonly Uint8Array[] {
  const revs = new Map<string, string>();
  return commits.map(({ account, ops }, index) => {
    const rev = madeTid(index);
    const frame = commitFrame({ did: didOf(account), ops, rev, since: revs.get(account) ?? null, seq: index + 1 });
    revs.set(account, rev);
    return frame;
  });
}

export function didOf(account: string): string {
  const hex = createHash("sha256").update(account).digest("hex");
  return `did:plc:${hex.slice(0, 24).replaceAll(/[0189]/g, "z")}`;
}

/** A record key or rev: the index-th millisecond of that day. */
export function madeTid(index: number): string {
  return tidText(makeTid(START_MICROS + index * 1000, CLOCK));
}

interface Commit extends Pick<MadeCommit, "ops"> {
  readonly did: string;
  readonly rev: string;
  readonly since: string | null;
  readonly seq: number;
}

function commitFrame({ did, ops, rev, since, seq }: Commit): Uint8Array {
  const head = block({ did, rev, version: 3, prev: null, data: cidOf(Buffer.from(rev)), sig: new Uint8Array(64) });
  const records = ops.map(({ record }) => (record === undefined ? null : block(record)));
  return messageFrame("#commit", {
    seq,
    repo: did,
    commit: new CidLink(head.cid),
    rev,
    since,
    time: new Date(START_MICROS / 1000 + seq).toISOString(),
    tooBig: false,
    rebase: false,
    blobs: [],
    ops: ops.map((op, at) => opOf(op, records[at] ?? null)),
    blocks: joinCar({
      header: new Map<string, CborValue>([
        ["roots", [new CidLink(head.cid)]],
        ["version", 1],
      ]),
      blocks: [head, ...records.filter((each) => each !== null)],
    }),
  });
}

function block(fields: Fields): Block {
  const data = encodeCbor(new Map(Object.entries(fields)));
  return { cid: cidOf(data).bytes, data };
}

function opOf({ path, isUpdate = false }: MadeOp, record: Block | null): CborValue {
  const action = record === null ? "delete" : isUpdate ? "update" : "create";
  const fields: Record<string, CborValue> = { action, path, cid: record === null ? null : new CidLink(record.cid) };
  if (action !== "create") fields["prev"] = cidOf(Buffer.from("what was there before"));
  return new Map(Object.entries(fields));
}
