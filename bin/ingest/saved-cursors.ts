/** The cursors with which reading begins, for the status: what counts until there is a mark of the process' own. */
import type { SavedCursor } from "../../lib/core/cursor.ts";
import type { CursorReader } from "../../lib/firehose/port.ts";
import { parseRelayAddress } from "../../lib/firehose/websocket/relay-address.ts";

/** By the relay's host. */
export async function savedCursors(
  cursors: Pick<CursorReader, "load">,
  relays: readonly string[],
): Promise<ReadonlyMap<string, SavedCursor>> {
  const saved = await Promise.all(relays.map((relay) => cursors.load(parseRelayAddress(relay).host)));
  return new Map(saved.filter((cursor) => cursor !== null).map((cursor) => [cursor.relay, cursor]));
}
