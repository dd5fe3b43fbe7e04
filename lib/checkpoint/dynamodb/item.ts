/** The one item that an ingester's lease, fence and cursors are, to DynamoDB's attributes and back. */
import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import type { SavedCursor } from "../../core/cursor.ts";
import { CursorTableError } from "./errors.ts";
import { MAX_SWITCHES } from "./limits.ts";

export type Attributes = Record<string, AttributeValue>;

/** Reading went on in another numbering. */
export interface RelaySwitch {
  readonly from: SavedCursor;
  readonly to: SavedCursor;
  /** Unix milliseconds. */
  readonly atMs: number;
}

export interface LeaseItem {
  /** Grows with every process that takes over. */
  readonly fence: number;
  /** Grows with every write: a watcher sees by it that the holder lives, and a late write of the holder's own is refused by it. */
  readonly beat: number;
  /** For a person: host and process. */
  readonly owner: string;
  /** The holder has ended well: nobody has to wait. */
  readonly released: boolean;
  readonly lanes: number;
  /** By relay, of its newest epoch. */
  readonly cursors: ReadonlyMap<string, SavedCursor>;
  /** Of the cursor saved last. */
  readonly last: SavedCursor | null;
  /** The newest ones. */
  readonly switches: readonly RelaySwitch[];
}

/**
 * The item with the cursor in it. One that would move back within its epoch, or to an older epoch, changes nothing; a time that is not
 * known leaves the one that was.
 */
export function withCursor(item: LeaseItem, cursor: SavedCursor, nowMs: number): LeaseItem {
  const before = item.cursors.get(cursor.relay);
  const isOlder = before !== undefined && (cursor.epoch - before.epoch || cursor.seq - before.seq) < 0;
  if (isOlder) return item;
  const known = before?.epoch === cursor.epoch ? before.timeMs : null;
  const saved = { ...cursor, timeMs: cursor.timeMs ?? known };
  const { last } = item;
  const hasSwitched = last !== null && (last.relay !== saved.relay || last.epoch !== saved.epoch);
  return {
    ...item,
    cursors: new Map(item.cursors).set(saved.relay, saved),
    last: { ...saved, timeMs: saved.timeMs ?? last?.timeMs ?? null },
    switches: hasSwitched
      ? [...item.switches, { from: last, to: saved, atMs: nowMs }].slice(-MAX_SWITCHES)
      : item.switches,
  };
}

export function toAttributes(item: LeaseItem): Attributes {
  return {
    fence: number(item.fence),
    beat: number(item.beat),
    owner: { S: item.owner },
    released: { BOOL: item.released },
    lanes: number(item.lanes),
    cursors: { L: [...item.cursors.values()].map(cursorAttribute) },
    ...(item.last === null ? {} : { last: cursorAttribute(item.last) }),
    switches: {
      L: item.switches.map(({ from, to, atMs }) => ({
        M: { from: cursorAttribute(from), to: cursorAttribute(to), at_ms: number(atMs) },
      })),
    },
  };
}

/** @throws CursorTableError where something else has written the item. */
export function fromAttributes(attributes: Attributes): LeaseItem {
  const cursors = listOf(attributes, "cursors").map(cursorOf);
  const { last } = attributes;
  return {
    fence: numberOf(attributes, "fence"),
    beat: numberOf(attributes, "beat"),
    owner: textOf(attributes, "owner"),
    released: attributes["released"]?.BOOL === true,
    lanes: numberOf(attributes, "lanes"),
    cursors: new Map(cursors.map((cursor) => [cursor.relay, cursor])),
    last: last === undefined ? null : cursorOf(last),
    switches: listOf(attributes, "switches").map(switchOf),
  };
}

export function cursorAttribute({ relay, epoch, seq, timeMs }: SavedCursor): AttributeValue {
  const time = timeMs === null ? {} : { time_ms: number(timeMs) };
  return { M: { relay: { S: relay }, epoch: number(epoch), seq: number(seq), ...time } };
}

/** @throws CursorTableError where it is none. */
export function cursorOf({ M: map = {} }: AttributeValue): SavedCursor {
  return {
    relay: textOf(map, "relay"),
    epoch: numberOf(map, "epoch"),
    seq: numberOf(map, "seq"),
    timeMs: map["time_ms"] === undefined ? null : numberOf(map, "time_ms"),
  };
}

function switchOf({ M: map = {} }: AttributeValue): RelaySwitch {
  return { from: cursorOf(map["from"] ?? NOTHING), to: cursorOf(map["to"] ?? NOTHING), atMs: numberOf(map, "at_ms") };
}

const NOTHING: AttributeValue = { M: {} };

function number(value: number): AttributeValue {
  return { N: String(value) };
}

function numberOf(attributes: Attributes, name: string): number {
  const value = Number(attributes[name]?.N ?? Number.NaN);
  if (!Number.isSafeInteger(value))
    throw new CursorTableError(`the cursor's item has no whole number ${name}: something else has written it`);
  return value;
}

function textOf(attributes: Attributes, name: string): string {
  const value = attributes[name]?.S;
  if (value === undefined)
    throw new CursorTableError(`the cursor's item has no text ${name}: something else has written it`);
  return value;
}

function listOf(attributes: Attributes, name: string): readonly AttributeValue[] {
  return attributes[name]?.L ?? [];
}
