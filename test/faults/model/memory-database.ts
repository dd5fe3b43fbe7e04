/** The database of the model: what a transaction may see and change, in maps, with the same rules as the SQL functions; a process' death and every trouble at will. */

import type { AuthorState, ChosenOp } from "../../../lib/core/choice.ts";
import { collectionOf } from "../../../lib/core/collections/registry.ts";
import type { Gap } from "../../../lib/core/cursor.ts";
import type { DigestPrefix } from "../../../lib/core/event.ts";
import type { PathState } from "../../../lib/core/plan.ts";
import type { AccountState } from "../../../lib/core/plan-accounts.ts";
import type { DeadLetter, RowChanges } from "../../../lib/core/row-change.ts";
import { tidText } from "../../../lib/core/tid.ts";
import {
  type FinishedPack,
  type LaneState,
  type LockRequest,
  type Names,
  type Store,
  StoreError,
  type StoreTransaction,
  type WorkEnd,
  type WorkUnit,
} from "../../../lib/store/port.ts";

interface Repo {
  readonly rev: bigint;
  readonly contiguousFrom: bigint;
  readonly tree: DigestPrefix | null;
}

interface Account {
  readonly state: AccountState;
  readonly active: boolean | null;
  readonly handle: string | null;
}

interface Mark extends WorkUnit {
  readonly single: boolean;
  /** Null: survived. */
  readonly owner: string | null;
  readonly deaths: number;
}

/** What a process meets at its next transactions. */
export type Trouble =
  /** Refuses as a database that is away does. */
  | "away"
  /** The process dies before the commit, or between it and its answer. */
  | "die-before-commit"
  | "die-after-commit";

/** The process is dead: nothing that it does has an effect any more. */
export class Death extends Error {
  override readonly name = "Death";
}

/** rkeys of records that the database refuses, and of those that kill who writes them. */
export const POISON_PREFIX = "poison-";
export const DEADLY_PREFIX = "deadly-";

const ACCOUNT_COLLECTIONS_FROM = 1_000;
const NO_ACCOUNT: AccountState = { accountRelay: null, accountSeq: null, identityRelay: null, identitySeq: null };

export class MemoryDatabase {
  /** By path (`did/collection/rkey`): the rev that wrote it. */
  readonly rows = new Map<string, bigint>();
  readonly letters = new Map<string, DeadLetter>();
  readonly gaps: Gap[] = [];
  readonly #dids: string[] = [];
  readonly #nsids: string[] = [];
  readonly #subjects = new Map<string, number>();
  readonly #relays: string[] = [];
  readonly #tombstones = new Map<string, bigint>();
  readonly #repos = new Map<number, Repo>();
  readonly #odd = new Set<number>();
  readonly #accounts = new Map<number, Account>();
  readonly #lanes = new Map<number, LaneState>();
  #marks: readonly Mark[] = [];

  /** Handle and state of everybody of whom there was an event. */
  accounts(): ReadonlyMap<string, string> {
    return new Map(
      Array.from(this.#accounts, ([actor, { handle, active }]) => [this.#did(actor), `${handle} ${active}`]),
    );
  }

  /** Units of work that nobody has brought to an end. */
  openMarks(): number {
    return this.#marks.length;
  }

  /** As one process sees it; `next` is asked before each commit. */
  asProcess(name: string, next: () => Trouble | null): Store {
    let isDead = false;
    const alive = () => {
      if (isDead) throw new Death();
    };
    const die = (): never => {
      isDead = true;
      throw new Death();
    };
    return {
      relayId: async (relay, epoch) => {
        alive();
        return numberOf(this.#relays, `${epoch} ${relay}`);
      },
      marks: {
        begin: async (units, { single }) => {
          alive();
          return units.map((unit) => this.#begin(unit, name, single));
        },
        release: async (units) => {
          if (!isDead) this.#release(units, name);
        },
      },
      transact: async (work) => {
        alive();
        const transaction = new MemoryTransaction(this);
        const result = await work(transaction);
        alive();
        const trouble = next();
        if (trouble === "away")
          throw new StoreError("the database is away", { kind: "transient", code: "08006", cause: null });
        if (trouble === "die-before-commit" || transaction.writes(DEADLY_PREFIX)) die();
        if (transaction.writes(POISON_PREFIX)) {
          throw new StoreError("refused", { kind: "poison", code: "22000", cause: null });
        }
        transaction.commit();
        if (trouble === "die-after-commit") die();
        return result;
      },
    };
  }

  resolve({ dids, nsids, subjects }: Names) {
    return {
      actors: new Map(dids.map((did) => [did, numberOf(this.#dids, did)])),
      collections: new Map(nsids.map((nsid) => [nsid, ACCOUNT_COLLECTIONS_FROM + numberOf(this.#nsids, nsid)])),
      subjects: subjects.distinct.map((ref) => {
        const key = `${ref.did}/${ref.collection}/${ref.rkey}/${Buffer.from(ref.cid).toString("hex")}`;
        const number = this.#subjects.get(key) ?? this.#subjects.size + 1;
        this.#subjects.set(key, number);
        return number;
      }),
    };
  }

  lock({ lanes, authors, announced }: LockRequest) {
    return {
      lanes: lanes.map((lane) => this.#lanes.get(lane) ?? { fence: 0, number: 0 }),
      authors: authors.map((actor): AuthorState => {
        const { rev = 0n, contiguousFrom = 0n, tree = null } = this.#repos.get(actor) ?? {};
        return { rev, contiguousFrom, tree, isOdd: this.#odd.has(actor) };
      }),
      accounts: announced.map((actor) => this.#accounts.get(actor)?.state ?? null),
    };
  }

  pathStates(ops: readonly ChosenOp[]): Map<ChosenOp, PathState> {
    return new Map(
      ops.map((op) => {
        const path = `${op.commit.did}/${op.op.op.collection}/${op.op.op.rkey}`;
        return [op, { rowRev: this.rows.get(path) ?? null, tombstoneRev: this.#tombstones.get(path) ?? null }];
      }),
    );
  }

  commit(changes: RowChanges, end: WorkEnd): void {
    for (const { actor, rev, contiguousFrom, tree } of changes.repos) {
      this.#repos.set(actor, { rev, contiguousFrom, tree: tree ?? this.#repos.get(actor)?.tree ?? null });
    }
    for (const actor of changes.oddActors) this.#odd.add(actor);
    for (const path of pathsRemoved(changes)) this.rows.delete(this.#path(path));
    for (const written of pathsWritten(changes)) this.rows.set(this.#path(written), written.rev);
    for (const path of changes.tombstones) {
      const key = this.#path(path);
      if ((this.#tombstones.get(key) ?? -1n) < path.rev) this.#tombstones.set(key, path.rev);
    }
    for (const letter of changes.deadLetters) this.letters.set(Buffer.from(letter.digest).toString("hex"), letter);
    for (const change of changes.accounts) this.#changeAccount(change);
    this.gaps.push(...end.gaps);
    for (const pack of end.packs) this.#endPack(pack);
    if (end.single !== null) this.#endUnit(end.single, { onlySingle: true });
  }

  #changeAccount({ actor, account, identity }: RowChanges["accounts"][number]): void {
    const before = this.#accounts.get(actor) ?? { state: NO_ACCOUNT, active: null, handle: null };
    this.#accounts.set(actor, {
      state: {
        ...before.state,
        ...(account !== null && { accountRelay: account.relay, accountSeq: account.seq }),
        ...(identity !== null && { identityRelay: identity.relay, identitySeq: identity.seq }),
      },
      active: account?.active ?? before.active,
      handle: identity?.handle ?? before.handle,
    });
  }

  #endPack(pack: FinishedPack): void {
    this.#endUnit(pack, { onlySingle: false });
    const before = this.#lanes.get(pack.lane) ?? { fence: 0, number: 0 };
    const isNewer = pack.fence > before.fence || (pack.fence === before.fence && pack.number > before.number);
    if (isNewer) this.#lanes.set(pack.lane, { fence: pack.fence, number: pack.number });
  }

  #endUnit(unit: WorkUnit, { onlySingle }: { readonly onlySingle: boolean }): void {
    this.#marks = this.#marks.filter(
      (mark) =>
        mark.relayId !== unit.relayId ||
        mark.lane !== unit.lane ||
        mark.lastSeq > unit.lastSeq ||
        (onlySingle && !mark.single),
    );
  }

  #begin(unit: WorkUnit, owner: string, single: boolean): number {
    const near = this.#marks.filter(
      (mark) =>
        mark.relayId === unit.relayId &&
        mark.lane === unit.lane &&
        mark.single === single &&
        mark.firstSeq <= unit.lastSeq &&
        mark.lastSeq >= unit.firstSeq,
    );
    const deaths = Math.max(
      0,
      ...near.map((mark) => mark.deaths + (mark.owner !== null && mark.owner !== owner ? 1 : 0)),
    );
    const wasDeadly = [...this.letters.values()].some(
      ({ reason, seq }) => reason === "killed-its-process" && seq === unit.firstSeq,
    );
    const others = this.#marks.filter((mark) => !isSame(mark, unit) || mark.single !== single);
    const { relayId, lane, firstSeq, lastSeq } = unit;
    this.#marks = [...others, { relayId, lane, firstSeq, lastSeq, single, owner, deaths }];
    return single && wasDeadly ? Math.max(1, deaths) : deaths;
  }

  #release(units: readonly WorkUnit[], owner: string): void {
    const within = (mark: Mark, unit: WorkUnit) =>
      mark.relayId === unit.relayId &&
      mark.lane === unit.lane &&
      mark.firstSeq >= unit.firstSeq &&
      mark.lastSeq <= unit.lastSeq;
    this.#marks = this.#marks.map((mark) =>
      mark.owner === owner && units.some((unit) => within(mark, unit)) ? { ...mark, owner: null } : mark,
    );
  }

  #path({
    actor,
    collection,
    rkey,
  }: {
    readonly actor: number;
    readonly collection: number;
    readonly rkey: string;
  }): string {
    const nsid = NSID_OF[collection] ?? this.#nsids[collection - ACCOUNT_COLLECTIONS_FROM - 1];
    return `${this.#did(actor)}/${nsid}/${rkey}`;
  }

  #did(actor: number): string {
    return this.#dids[actor - 1] ?? `nobody ${actor}`;
  }
}

class MemoryTransaction implements StoreTransaction {
  readonly #database: MemoryDatabase;
  #written: { readonly changes: RowChanges; readonly end: WorkEnd } | null = null;

  constructor(database: MemoryDatabase) {
    this.#database = database;
  }

  resolve(names: Names) {
    return Promise.resolve(this.#database.resolve(names));
  }

  lock(request: LockRequest) {
    return Promise.resolve(this.#database.lock(request));
  }

  pathStates(ops: readonly ChosenOp[]) {
    return Promise.resolve(this.#database.pathStates(ops));
  }

  write(changes: RowChanges, end: WorkEnd): Promise<void> {
    this.#written = { changes, end };
    return Promise.resolve();
  }

  /** Whether it writes a record whose key begins so. */
  writes(prefix: string): boolean {
    return this.#written !== null && pathsWritten(this.#written.changes).some(({ rkey }) => rkey.startsWith(prefix));
  }

  commit(): void {
    if (this.#written !== null) this.#database.commit(this.#written.changes, this.#written.end);
  }
}

interface Written {
  readonly actor: number;
  readonly collection: number;
  readonly rkey: string;
  readonly rev: bigint;
}

function pathsWritten({ edges, posts, documents, misfits }: RowChanges): Written[] {
  return [
    ...edges.map(({ kind, actor, rkey, rev }) => ({ actor, collection: kind, rkey: tidText(rkey), rev })),
    ...posts.map(({ actor, rkey, rev }) => ({ actor, collection: POST_KIND, rkey: tidText(rkey), rev })),
    ...documents,
    ...misfits,
  ];
}

function pathsRemoved({ removals, documentRemovals, oddPaths }: RowChanges): Omit<Written, "rev">[] {
  const byTid = removals.map(({ kind, actor, rkey }) => ({ actor, collection: kind, rkey: tidText(rkey) }));
  return [...byTid, ...documentRemovals, ...oddPaths];
}

const POST_KIND = 5;
const NSID_OF: Readonly<Record<number, string>> = Object.fromEntries(
  ["app.bsky.feed.like", "app.bsky.feed.post", "app.bsky.actor.profile"].map((nsid) => [
    collectionOf(nsid)?.id ?? 0,
    nsid,
  ]),
);

function numberOf(names: string[], name: string): number {
  const at = names.indexOf(name);
  return at >= 0 ? at + 1 : names.push(name);
}

function isSame(mark: WorkUnit, unit: WorkUnit): boolean {
  return (
    mark.relayId === unit.relayId &&
    mark.lane === unit.lane &&
    mark.firstSeq === unit.firstSeq &&
    mark.lastSeq === unit.lastSeq
  );
}
