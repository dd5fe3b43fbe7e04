/** Plan: EventBatch and what is stored → RowChange lists. The last pure step before SQL. */
import type { EventBatch, ReadEvent } from "./batch.ts";
import { type Choice, type ChosenOp, type Counts, isTidKind, type Numbers } from "./choice.ts";
import { eventLetter, opLetter } from "./dead-letter.ts";
import { type AccountState, planAccounts } from "./plan-accounts.ts";
import { writeRecord } from "./plan-record.ts";
import { noChanges, type RowChanges } from "./row-change.ts";

/** What is stored under a path: revs of the record and of its tombstone, null for none. */
export interface PathState {
  readonly rowRev: bigint | null;
  readonly tombstoneRev: bigint | null;
}

export interface Plan {
  readonly changes: RowChanges;
  readonly counts: Counts & { readonly deadLetters: Record<string, number> };
}

/** The ops whose paths have to be looked up before `plan` can decide about them: of dead ones and of those to be applied. */
export function pathsToCompare(choice: Choice): ChosenOp[] {
  return [...choice.ops, ...choice.dead].filter((chosen) => chosen.mustCompare);
}

export interface PlanInput {
  readonly batch: EventBatch;
  readonly choice: Choice;
  readonly numbers: Numbers;
  /** Of the ops that `pathsToCompare` named. */
  readonly paths: ReadonlyMap<ChosenOp, PathState>;
  /** Of `batch.announced`, in its order; null for accounts not seen before. */
  readonly accounts: readonly (AccountState | null)[];
}

/** Pure: everything that one transaction writes. */
export function plan(input: PlanInput): Plan {
  const { choice, numbers } = input;
  const changes = noChanges();
  const counts = { ...choice.counts, deadLetters: {} as Record<string, number> };
  planRepos(choice, changes);
  for (const chosen of choice.ops) {
    if (isOvertaken(chosen, input.paths.get(chosen))) {
      const { action } = chosen.op.op;
      counts.appliedOps[action] = (counts.appliedOps[action] ?? 0) - 1;
      counts.repeatedOps += 1;
    } else {
      planOp(chosen, choice, numbers, changes);
    }
  }
  for (const chosen of choice.dead) {
    planDeadOp(chosen, input.paths.get(chosen), changes);
  }
  planOthers(input, changes, counts);
  for (const letter of changes.deadLetters) {
    counts.deadLetters[letter.reason] = (counts.deadLetters[letter.reason] ?? 0) + 1;
  }
  return { changes, counts };
}

function planRepos(choice: Choice, changes: RowChanges): void {
  for (const [actor, chain] of choice.chains) {
    if (chain.isChanged) {
      const { rev, contiguousFrom, broken, tree } = chain;
      changes.repos.push({ actor, rev, contiguousFrom, broken, tree });
    }
    if (chain.isNew) {
      changes.newAuthors.push(actor);
    }
  }
}

/** Something newer, or this very op, is stored under the path. */
function isOvertaken(chosen: ChosenOp, state: PathState | undefined): boolean {
  const { rev } = chosen.commit;
  return state !== undefined && ((state.rowRev ?? -1n) >= rev || (state.tombstoneRev ?? -1n) >= rev);
}

function planOp(chosen: ChosenOp, choice: Choice, numbers: Numbers, changes: RowChanges): void {
  const { actor, collection, tid, commit, op } = chosen;
  const { rkey } = op.op;
  const path = { actor, collection, rkey };
  const isMisfit = op.read?.row.shape === "misfit";
  if (chosen.replaces || isMisfit) {
    if (tid !== null && isTidKind(collection)) {
      changes.removals.push({ kind: collection, actor, rkey: tid });
    } else if (!isTidKind(collection)) {
      changes.documentRemovals.push(path);
    }
  }
  const isForeignKey = isTidKind(collection) && tid === null;
  if (choice.oddActors.has(actor) || chosen.mustCompare || isMisfit || isForeignKey) {
    changes.oddPaths.push({ ...path, did: commit.did, nsid: op.op.collection, rev: commit.rev });
  }
  if (op.op.action === "delete" || op.read === null || op.op.record === null) {
    changes.tombstones.push({ ...path, rev: commit.rev });
    return;
  }
  writeRecord({ path, tid, rev: commit.rev, bytes: op.op.record, read: op.read }, numbers, changes);
}

function planDeadOp(chosen: ChosenOp, state: PathState | undefined, changes: RowChanges): void {
  const { event, commit, op, actor } = chosen;
  if (op.dead !== null) {
    changes.deadLetters.push(opLetter(event.source, commit, op.op, op.dead, isOvertaken(chosen, state)));
    changes.oddActors.push(actor);
  }
}

function planOthers(input: PlanInput, changes: RowChanges, counts: Counts): void {
  const { choice, batch, numbers, accounts } = input;
  const announcements: ReadEvent[] = [];
  for (const read of choice.others) {
    const { event, setAside } = read.source;
    if (event.kind === "rejected") {
      changes.deadLetters.push(eventLetter(read.source, event, event));
    } else if (setAside !== null) {
      changes.deadLetters.push(eventLetter(read.source, event, setAside));
    } else {
      announcements.push(read);
    }
  }
  planAccounts({ announced: batch.announced, announcements, numbers, accounts }, changes, counts);
}
