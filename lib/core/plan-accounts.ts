/** #identity and #account events → changes of `account`. */
import type { ReadEvent } from "./batch.ts";
import type { Counts, Numbers } from "./choice.ts";
import type { AccountChange, RowChanges } from "./row-change.ts";

/** Which event of each kind was applied last: relay (its number) and seq; null for none. */
export interface AccountState {
  readonly accountRelay: number | null;
  readonly accountSeq: number | null;
  readonly identityRelay: number | null;
  readonly identitySeq: number | null;
}

export interface AccountInput {
  readonly announced: readonly string[];
  readonly announcements: readonly ReadEvent[];
  readonly numbers: Numbers;
  /** In the order of `announced`. */
  readonly accounts: readonly (AccountState | null)[];
}

type Draft = { -readonly [Key in keyof AccountChange]: AccountChange[Key] };

/**
 * From the same relay an event with a seq that is not greater is a repeat. From another relay the order of arrival
 * decides: a switch rewinds and replays forward, so that the last word comes last.
 */
export function planAccounts(input: AccountInput, changes: RowChanges, counts: Counts): void {
  const states = new Map(input.announced.map((did, index) => [did, input.accounts[index] ?? null]));
  const drafts = new Map<string, Draft>();
  for (const { source } of input.announcements) {
    const { event, relayId: relay } = source;
    if (event.kind !== "account" && event.kind !== "identity") {
      continue;
    }
    const draft: Draft = drafts.get(event.did) ?? {
      actor: input.numbers.actor(event.did),
      account: null,
      identity: null,
    };
    const isRetried = source.mode === "record";
    if (
      source.mode !== "arrival" &&
      isRepeat(event.kind, { relay, seq: event.seq, isRetried }, draft, states.get(event.did) ?? null)
    ) {
      counts.repeatedEvents += 1;
      continue;
    }
    if (event.kind === "account") {
      draft.account = { relay, seq: event.seq, active: event.active, status: event.status };
    } else {
      draft.identity = { relay, seq: event.seq, handle: event.handle ?? draft.identity?.handle ?? null };
    }
    drafts.set(event.did, draft);
    counts.appliedEvents[event.kind] = (counts.appliedEvents[event.kind] ?? 0) + 1;
  }
  changes.accounts.push(...drafts.values());
}

function isRepeat(
  kind: "account" | "identity",
  at: { readonly relay: number; readonly seq: number; readonly isRetried: boolean },
  draft: Draft,
  state: AccountState | null,
): boolean {
  const stored =
    kind === "account"
      ? { relay: state?.accountRelay ?? null, seq: state?.accountSeq ?? 0 }
      : { relay: state?.identityRelay ?? null, seq: state?.identitySeq ?? 0 };
  const last = (kind === "account" ? draft.account : draft.identity) ?? stored;
  // A dead letter comes late: what another relay has said meanwhile is newer.
  return last.relay === at.relay ? at.seq <= last.seq : at.isRetried && last.relay !== null;
}
