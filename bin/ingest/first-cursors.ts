/** Where reading begins while nobody knows a cursor: a first start, or a Redis that lost its memory. */
import { ConfigurationError } from "../../lib/config/configuration-error.ts";
import type { Gap, SavedCursor } from "../../lib/core/cursor.ts";
import type { CursorReader } from "../../lib/firehose/port.ts";
import { parseRelayAddress } from "../../lib/firehose/websocket/relay-address.ts";
import type { Log } from "../../lib/telemetry/port.ts";
import type { FirstPlace } from "../options.ts";

export interface FirstCursorsOptions {
  readonly relays: readonly string[];
  readonly cursorKey: string;
  /** How far everything of a relay has been applied, asked of the database, or of who knows it from there; null: there is nobody to ask. */
  readonly appliedMark: ((relay: string) => Promise<SavedCursor | null>) | null;
  /** What `--from` says; null where it was not given. */
  readonly from: FirstPlace | null;
  readonly recordGap: (gap: Gap) => Promise<void>;
  readonly log: Log;
}

/** By the relay's host; what is not in it is read live. @throws ConfigurationError where nobody knows and nobody says. */
export async function firstCursors(options: FirstCursorsOptions): Promise<ReadonlyMap<string, SavedCursor>> {
  const { relays, appliedMark, from } = options;
  const hosts = relays.map((relay) => parseRelayAddress(relay).host);
  if (appliedMark !== null) {
    for (const host of hosts) {
      const mark = await appliedMark(host);
      if (mark === null) continue;
      await tellLoss(mark, options);
      return new Map([[host, mark]]);
    }
  }
  if (from === null) throw new ConfigurationError(unknownPlace(options));
  return namedPlace(relays, from);
}

/** What `--from` says, as a cursor of the first relay; none where it is live. */
export function namedPlace(relays: readonly string[], from: FirstPlace): ReadonlyMap<string, SavedCursor> {
  if (from === "live") return new Map();
  const { host: relay } = parseRelayAddress(relays[0] ?? "");
  return new Map([[relay, { relay, epoch: 1, seq: from === "oldest" ? 0 : from, timeMs: null }]]);
}

function unknownPlace({ cursorKey, appliedMark }: FirstCursorsOptions): string {
  const asked =
    appliedMark === null
      ? "DATABASE_URL is not set, nor DYNAMODB_TABLE_NAME, so that nobody can say what has been applied"
      : "nothing has been applied of this relay";
  return `REDIS_CURSOR_KEY=${cursorKey}: Redis has no cursor there, and ${asked}: on a first start give --from live, otherwise --from oldest or --from SEQ`;
}

async function tellLoss(mark: SavedCursor, { recordGap, log, cursorKey }: FirstCursorsOptions): Promise<void> {
  const { relay, epoch, seq, timeMs } = mark;
  const place =
    seq === 0 ? "the oldest event that the relay has" : `seq ${seq}, up to which everything has been applied`;
  const detail = `Redis had no cursor at ${cursorKey}: it lost its memory; read again from ${place}`;
  log.error("Redis lost its memory; reading again from what has been applied", { relay, after: seq });
  await recordGap({
    reason: "stream-lost",
    relay,
    epoch,
    afterSeq: seq,
    beforeSeq: null,
    fromTimeMs: timeMs,
    toTimeMs: null,
    detail,
  });
}

/** The saved cursors, and as long as there is none these. */
export function withFirstCursors(
  cursors: CursorReader & { isKnown(): Promise<boolean> },
  first: ReadonlyMap<string, SavedCursor>,
): CursorReader {
  return {
    load: async (relay) => ((await cursors.isKnown()) ? cursors.load(relay) : (first.get(relay) ?? null)),
    lastDurableTimeMs: () => cursors.lastDurableTimeMs(),
  };
}
