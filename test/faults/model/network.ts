/** A small network in the model: few accounts, few paths, so that everything collides with everything. */
import fc from "fast-check";
import { DIGEST_PREFIX_BYTES, digestOf } from "../../../lib/core/cid.ts";
import { encodeCbor } from "../../../lib/core/dag-cbor-encode.ts";
import { fromDagJson } from "../../../lib/core/dag-json.ts";
import type { CommitOp, FirehoseEvent } from "../../../lib/core/event.ts";
import { tidText } from "../../../lib/core/tid.ts";
import { DEADLY_PREFIX, POISON_PREFIX } from "./memory-database.ts";

/** What an account does next. */
export interface Act {
  readonly account: number;
  readonly what: "like" | "unlike" | "profile" | "like-unlike" | "poison" | "deadly" | "identity" | "account" | "sync";
  /** Which of its few paths. */
  readonly path: number;
}

export const arbitraryActs: fc.Arbitrary<readonly Act[]> = fc.array(
  fc.record({
    account: fc.nat(4),
    what: fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom<Act["what"]>("like", "unlike", "profile") },
      { weight: 2, arbitrary: fc.constantFrom<Act["what"]>("like-unlike", "identity", "account", "sync") },
      { weight: 1, arbitrary: fc.constantFrom<Act["what"]>("poison", "deadly") },
    ),
    path: fc.nat(2),
  }),
  { minLength: 1, maxLength: 40 },
);

/** How everything ends, whatever happens on the way. */
export interface NetworkEnd {
  /** By path: the rev that wrote what is there. */
  readonly rows: ReadonlyMap<string, bigint>;
  /** Paths of what must become a dead letter. */
  readonly dead: readonly string[];
  readonly accounts: ReadonlyMap<string, string>;
}

const FIRST_REV = 1_700_000_000_000_000n << 10n;
const LIKE = "app.bsky.feed.like";
const PROFILE = "app.bsky.actor.profile";
const ODD = "test.model.odd";
const NOW_MS = 1_795_000_000_000;

/** Events by their seq, from 1. */
export function networkOf(acts: readonly Act[]): {
  readonly events: readonly FirehoseEvent[];
  readonly end: NetworkEnd;
} {
  const revs = new Map<number, bigint>();
  const events = acts.map(({ account, what, path }, index): FirehoseEvent => {
    const seq = index + 1;
    const base = { seq, did: didOf(account), timeMs: NOW_MS + seq, receivedAtMs: NOW_MS + seq };
    if (what === "identity") return { kind: "identity", ...base, handle: `${what}-${seq}.test` };
    if (what === "account")
      return { kind: "account", ...base, active: path > 0, status: path > 0 ? null : "suspended" };
    const since = revs.get(account) ?? null;
    const rev = FIRST_REV + BigInt(seq * 1_000);
    revs.set(account, rev);
    const tree = digestOf(Buffer.from(`${account} ${seq}`)).subarray(0, DIGEST_PREFIX_BYTES);
    if (what === "sync") return { kind: "sync", ...base, rev, tree };
    return { kind: "commit", ...base, rev, since, tree, prevTree: null, ops: opsOf(what, path, seq), rawFrame: null };
  });
  return { events, end: endOf(events) };
}

function didOf(account: number): string {
  return `did:plc:${"abcde".charAt(account).repeat(24)}`;
}

function opsOf(what: Act["what"], path: number, seq: number): CommitOp[] {
  const rkey = tidText(FIRST_REV + BigInt(path) * 1_000n);
  const like = { collection: LIKE, rkey };
  switch (what) {
    case "like":
      return [opOf("create", like, likeOf(seq))];
    case "unlike":
      return [opOf("delete", like, null)];
    // One commit, one path: the order of its ops decides.
    case "like-unlike":
      return [
        opOf("create", like, likeOf(seq)),
        opOf("delete", { collection: LIKE, rkey: tidText(FIRST_REV + 5_000n) }, null),
      ];
    case "poison":
      return [
        opOf("create", like, likeOf(seq)),
        opOf("create", { collection: ODD, rkey: `${POISON_PREFIX}${seq}` }, { seq }),
      ];
    case "deadly":
      return [opOf("create", { collection: ODD, rkey: `${DEADLY_PREFIX}${seq}` }, { seq })];
    default:
      return [
        opOf(
          path === 0 ? "delete" : "update",
          { collection: PROFILE, rkey: "self" },
          path === 0 ? null : { $type: PROFILE, description: `${seq}` },
        ),
      ];
  }
}

function likeOf(seq: number): unknown {
  const cid = `bafyrei${"a".repeat(51)}a`;
  const uri = `at://${didOf(seq % 5)}/app.bsky.feed.post/${tidText(FIRST_REV)}`;
  return {
    $type: LIKE,
    subject: { cid, uri },
    createdAt: `2026-11-01T00:00:${String(seq % 60).padStart(2, "0")}.000Z`,
  };
}

function opOf(action: CommitOp["action"], path: Pick<CommitOp, "collection" | "rkey">, record: unknown): CommitOp {
  const bytes = record === null ? null : encodeCbor(fromDagJson(record));
  return { action, ...path, cid: null, prev: null, record: bytes, fault: null };
}

function endOf(events: readonly FirehoseEvent[]): NetworkEnd {
  const rows = new Map<string, bigint>();
  const dead: string[] = [];
  const accounts = new Map<string, { handle: string | null; active: boolean | null }>();
  for (const event of events) {
    if (event.kind === "identity" || event.kind === "account") {
      const { handle = null, active = null } = accounts.get(event.did) ?? {};
      accounts.set(event.did, {
        handle: event.kind === "identity" ? event.handle : handle,
        active: event.kind === "account" ? event.active : active,
      });
    }
    if (event.kind !== "commit") continue;
    for (const { action, collection, rkey } of event.ops) {
      const path = `${event.did}/${collection}/${rkey}`;
      if (rkey.startsWith(POISON_PREFIX) || rkey.startsWith(DEADLY_PREFIX)) dead.push(path);
      else if (action === "delete") rows.delete(path);
      else rows.set(path, event.rev);
    }
  }
  const accountLines = Array.from(accounts, ([did, { handle, active }]) => [did, `${handle} ${active}`] as const);
  return { rows, dead, accounts: new Map(accountLines) };
}
