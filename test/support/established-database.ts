/**
 * A database as PublicAppView (Aurora Prism) makes it, as far as its workers write records: tables, columns, keys and unique indexes
 * as its schema has them, and the recorded network in it as a worker that makes no mistake would leave it.
 */
import { Client } from "pg";
import { cidText, digestOf } from "../../lib/core/cid.ts";
import { decodeCbor } from "../../lib/core/dag-cbor.ts";
import { toDagJson } from "../../lib/core/dag-json.ts";
import type { FirehoseEvent } from "../../lib/core/event.ts";
import { createTestDatabase } from "./database.ts";

export interface EstablishedDatabase extends AsyncDisposable {
  readonly connectionString: string;
  readonly client: Client;
  /** Addresses of records that its tables cannot take. */
  readonly refused: readonly string[];
}

const SCHEMA = `
CREATE TABLE users (did varchar(255) PRIMARY KEY, handle varchar(255) NOT NULL, display_name varchar(255), avatar_url text, banner_url text,
  description text, profile_record jsonb, created_at timestamp NOT NULL DEFAULT now(), indexed_at timestamp NOT NULL DEFAULT now());
CREATE TABLE posts (uri varchar(512) PRIMARY KEY, cid varchar(255) NOT NULL, author_did varchar(255) NOT NULL, text text NOT NULL,
  parent_uri varchar(512), root_uri varchar(512), embed jsonb, facets jsonb, created_at timestamp NOT NULL, indexed_at timestamp NOT NULL DEFAULT now());
CREATE INDEX ON posts (author_did);
CREATE INDEX ON posts (indexed_at);
CREATE TABLE likes (uri varchar(512) PRIMARY KEY, user_did varchar(255) NOT NULL, post_uri varchar(512) NOT NULL,
  created_at timestamp NOT NULL, indexed_at timestamp NOT NULL DEFAULT now(), UNIQUE (user_did, post_uri));
CREATE TABLE reposts (uri varchar(512) PRIMARY KEY, user_did varchar(255) NOT NULL, post_uri varchar(512) NOT NULL,
  created_at timestamp NOT NULL, indexed_at timestamp NOT NULL DEFAULT now(), UNIQUE (user_did, post_uri));
CREATE TABLE follows (uri varchar(512) PRIMARY KEY, follower_did varchar(255) NOT NULL, following_did varchar(255) NOT NULL,
  created_at timestamp NOT NULL, indexed_at timestamp NOT NULL DEFAULT now(), UNIQUE (follower_did, following_did));
CREATE TABLE blocks (uri varchar(512) PRIMARY KEY, blocker_did varchar(255) NOT NULL, blocked_did varchar(255) NOT NULL,
  created_at timestamp NOT NULL, indexed_at timestamp NOT NULL DEFAULT now(), UNIQUE (blocker_did, blocked_did));
CREATE TABLE lists (uri varchar(512) PRIMARY KEY, cid varchar(255) NOT NULL, creator_did varchar(255) NOT NULL, name varchar(255) NOT NULL,
  purpose varchar(64) NOT NULL, description text, created_at timestamp NOT NULL, indexed_at timestamp NOT NULL DEFAULT now());
CREATE TABLE list_items (uri varchar(512) PRIMARY KEY, cid varchar(255) NOT NULL, list_uri varchar(512) NOT NULL, subject_did varchar(255) NOT NULL,
  created_at timestamp NOT NULL, indexed_at timestamp NOT NULL DEFAULT now(), UNIQUE (list_uri, subject_did));
CREATE TABLE list_blocks (uri varchar(512) PRIMARY KEY, blocker_did varchar(255) NOT NULL, list_uri varchar(512) NOT NULL);
CREATE TABLE feed_generators (uri varchar(512) PRIMARY KEY, cid varchar(255) NOT NULL, creator_did varchar(255) NOT NULL, did varchar(255) NOT NULL,
  display_name varchar(255) NOT NULL, description text, created_at timestamp NOT NULL, indexed_at timestamp NOT NULL DEFAULT now());
CREATE INDEX ON feed_generators (creator_did);
CREATE TABLE starter_packs (uri varchar(512) PRIMARY KEY, cid varchar(255) NOT NULL, creator_did varchar(255) NOT NULL, name varchar(255) NOT NULL,
  description text, list_uri varchar(512), created_at timestamp NOT NULL, indexed_at timestamp NOT NULL DEFAULT now());
CREATE TABLE labeler_services (uri varchar(512) PRIMARY KEY, cid varchar(255) NOT NULL, creator_did varchar(255) NOT NULL, policies jsonb NOT NULL,
  created_at timestamp NOT NULL, indexed_at timestamp NOT NULL DEFAULT now());
CREATE INDEX ON labeler_services (creator_did);
CREATE TABLE verifications (uri varchar(512) PRIMARY KEY, cid varchar(255) NOT NULL, subject_did varchar(255) NOT NULL UNIQUE, handle varchar(255) NOT NULL,
  verified_at timestamp NOT NULL, created_at timestamp NOT NULL, indexed_at timestamp NOT NULL DEFAULT now());
CREATE TABLE thread_gates (post_uri varchar(512) PRIMARY KEY, owner_did varchar(255) NOT NULL, allow_mentions boolean NOT NULL DEFAULT true,
  created_at timestamp NOT NULL DEFAULT now(), updated_at timestamp NOT NULL DEFAULT now());
CREATE TABLE post_gates (post_uri varchar(512) PRIMARY KEY, created_at timestamp NOT NULL DEFAULT now());
CREATE TABLE generic_records (uri varchar(512) PRIMARY KEY, cid varchar(255) NOT NULL, author_did varchar(255) NOT NULL, record_type varchar(255) NOT NULL,
  record jsonb NOT NULL, created_at timestamp NOT NULL, indexed_at timestamp NOT NULL DEFAULT now());
CREATE INDEX ON generic_records (author_did);
CREATE TABLE firehose_cursor (id serial PRIMARY KEY, service varchar(255) NOT NULL UNIQUE, cursor text, last_event_time timestamp);`;

/** Collections of which its workers write nothing. */
const LEFT_OUT = new Set([
  "app.bsky.graph.listblock",
  "app.bsky.feed.postgate",
  "app.bsky.actor.status",
  "app.bsky.notification.declaration",
]);

/** Everything up to the last of these events; its cursor says when that was. */
export async function createEstablishedDatabase(events: readonly FirehoseEvent[]): Promise<EstablishedDatabase> {
  const database = await createTestDatabase({ empty: true });
  const client = new Client({ connectionString: database.connectionString });
  await client.connect();
  await client.query(SCHEMA);
  // Whoever does anything gets a row.
  await client.query(
    "INSERT INTO users (did, handle) SELECT DISTINCT did, 'handle.invalid' FROM unnest($1::text[]) AS d (did)",
    [events.map(({ did }) => did)],
  );
  const refused: string[] = [];
  for (const [uri, record] of finalRecords(events)) if (!(await insert(client, record))) refused.push(uri);
  const lastMs = events.findLast(({ timeMs }) => timeMs !== null)?.timeMs ?? 0;
  await client.query("INSERT INTO firehose_cursor (service, cursor, last_event_time) VALUES ('firehose', $1, $2)", [
    String(events.at(-1)?.seq),
    utc(lastMs),
  ]);
  return {
    connectionString: database.connectionString,
    client,
    refused,
    async [Symbol.asyncDispose]() {
      await client.end();
      await database.drop();
    },
  };
}

interface FinalRecord {
  readonly did: string;
  readonly collection: string;
  readonly rkey: string;
  readonly cid: string;
  readonly value: Readonly<Record<string, unknown>>;
  readonly eventMs: number;
}

function finalRecords(events: readonly FirehoseEvent[]): ReadonlyMap<string, FinalRecord> {
  const records = new Map<string, FinalRecord>();
  for (const event of events) {
    if (event.kind !== "commit") continue;
    for (const { action, collection, rkey, record } of event.ops) {
      const uri = `at://${event.did}/${collection}/${rkey}`;
      if (action === "delete") records.delete(uri);
      const decoded = record === null ? null : decodeCbor(record);
      if (record === null || decoded?.ok !== true) continue;
      const value = JSON.parse(toDagJson(decoded.value).json) as Readonly<Record<string, unknown>>;
      const cid = cidText(digestOf(record));
      records.set(uri, { did: event.did, collection, rkey, cid, value, eventMs: event.timeMs ?? 0 });
    }
  }
  return records;
}

type Row = Readonly<Record<string, unknown>>;

/** NULL where there must be something, a text that is too long, U+0000 in a text or in JSON: its workers log the error and forget the record. */
const REFUSED = ["23502", "22001", "22021", "22P05"];

/** Whether it is there now. */
async function insert(client: Client, record: FinalRecord): Promise<boolean> {
  const place = placeOf(record);
  if (place === null) return true;
  const [table, row] = place;
  const names = Object.keys(row);
  const values = names.map((_, at) => `$${at + 1}`);
  const statement = `INSERT INTO ${table} (${names.join(", ")}) VALUES (${values.join(", ")}) ON CONFLICT ${
    table === "users"
      ? "(did) DO UPDATE SET display_name = EXCLUDED.display_name, description = EXCLUDED.description, profile_record = EXCLUDED.profile_record"
      : "DO NOTHING"
  }`;
  try {
    await client.query(statement, Object.values(row));
    return true;
  } catch (error) {
    if (!REFUSED.includes((error as { readonly code?: string }).code ?? "")) throw error;
    return false;
  }
}

function placeOf({ did, collection, rkey, cid, value, eventMs }: FinalRecord): [table: string, row: Row] | null {
  const uri = `at://${did}/${collection}/${rkey}`;
  const times = { created_at: createdAt(value), indexed_at: utc(eventMs) };
  const subject = value["subject"] as (string & { readonly uri: string }) | null | undefined;
  const reply = value["reply"] as
    | Partial<Record<"parent" | "root", { readonly uri?: string } | null>>
    | null
    | undefined;
  const plain = { uri, cid, ...times };
  switch (collection) {
    case "app.bsky.feed.post":
      return [
        "posts",
        { ...plain, author_did: did, text: value["text"], parent_uri: reply?.parent?.uri, root_uri: reply?.root?.uri },
      ];
    case "app.bsky.feed.like":
      return ["likes", { uri, user_did: did, post_uri: subject?.uri, ...times }];
    case "app.bsky.feed.repost":
      return ["reposts", { uri, user_did: did, post_uri: subject?.uri, ...times }];
    case "app.bsky.graph.follow":
      return ["follows", { uri, follower_did: did, following_did: subject, ...times }];
    case "app.bsky.graph.block":
      return ["blocks", { uri, blocker_did: did, blocked_did: subject, ...times }];
    case "app.bsky.actor.profile":
      return [
        "users",
        {
          did,
          handle: "handle.invalid",
          display_name: value["displayName"],
          description: value["description"],
          profile_record: JSON.stringify(value),
        },
      ];
    case "app.bsky.graph.list":
      return [
        "lists",
        {
          ...plain,
          creator_did: did,
          name: value["name"],
          purpose: value["purpose"],
          description: value["description"],
        },
      ];
    case "app.bsky.graph.listitem":
      return ["list_items", { ...plain, list_uri: value["list"], subject_did: subject }];
    case "app.bsky.feed.generator":
      return [
        "feed_generators",
        {
          ...plain,
          creator_did: did,
          did: value["did"],
          display_name: value["displayName"],
          description: value["description"],
        },
      ];
    case "app.bsky.graph.starterpack":
      return [
        "starter_packs",
        { ...plain, creator_did: did, name: value["name"], description: value["description"], list_uri: value["list"] },
      ];
    case "app.bsky.labeler.service":
      return ["labeler_services", { ...plain, creator_did: did, policies: JSON.stringify(value["policies"]) }];
    case "app.bsky.graph.verification":
      return [
        "verifications",
        { ...plain, subject_did: subject, handle: value["handle"], verified_at: createdAt(value) },
      ];
    case "app.bsky.feed.threadgate":
      return ["thread_gates", { post_uri: value["post"], owner_did: did }];
    default:
      return LEFT_OUT.has(collection)
        ? null
        : ["generic_records", { ...plain, author_did: did, record_type: collection, record: JSON.stringify(value) }];
  }
}

/** What it cannot read as a time becomes the present. */
function createdAt(value: Readonly<Record<string, unknown>>): string {
  const ms = Date.parse(String(value["createdAt"]));
  return utc(ms >= 0 && ms < MOST_MS ? ms : Date.now());
}

/** The year 10000, which it has no text for. */
const MOST_MS = Date.UTC(10_000, 0);

/** Its timestamps have no zone. */
function utc(ms: number): string {
  return new Date(ms).toISOString().replace("T", " ").replace("Z", "");
}
