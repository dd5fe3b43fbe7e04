/** The kinds of records that are compared: what each says, and where an established AppView's database has it. */

type Json = Readonly<Record<string, unknown>>;

export interface Kind {
  /** The name of its view, and of the established table. */
  readonly name: string;
  /** NSID; null: every collection without a view of its own. */
  readonly collection: string | null;
  /** Its number in `standpipe.collection`; null with `collection`. */
  readonly number: number | null;
  /** Its base table in the schema `standpipe`. */
  readonly table: string;
  /** Whether record keys are TIDs, by the lexicon: then they say when the record was made. */
  readonly keyIsTid: boolean;
  /** What a record says, beside its CID. */
  readonly fieldsOf: (value: Json) => Readonly<Record<string, string | null>>;
  /** Null: its workers write nothing of this kind. */
  readonly established: EstablishedTable | null;
}

/** Facts of the schema that PublicAppView and Aurora Prism share. */
export interface EstablishedTable {
  readonly table: string;
  /** The column that tells the records apart, and what is in it for a record. */
  readonly key: string;
  readonly keyOf: (uri: string) => string;
  readonly uriOf: (key: string) => string;
  /** How an account's records are found by index: by this column, or (null) by the keys that begin with its DID. */
  readonly accountColumn: string | null;
  /** By the names of `fieldsOf`, and `cid`. */
  readonly columns: Readonly<Record<string, string>>;
  /** When `createdAt` was read into a column: its name. */
  readonly created: string | null;
  /** Names of `columns` of which it keeps one record each, the account's own DID being `account`. */
  readonly onlyOne: readonly string[];
  /** Rows that stand for no record. */
  readonly condition: string | null;
  /** Collections of this kind of which its workers keep nothing. */
  readonly leavesOut: readonly string[];
}

const IN_PLACE = {
  key: "uri",
  keyOf: (uri: string): string => uri,
  uriOf: (key: string): string => key,
  created: "created_at",
  onlyOne: [],
  condition: null,
  leavesOut: [],
} as const;

function table(
  name: string,
  columns: Readonly<Record<string, string>>,
  more: Partial<EstablishedTable> = {},
): EstablishedTable {
  return { table: name, columns, accountColumn: null, ...IN_PLACE, ...more };
}

/** An empty text says as little as none: established columns that must not be NULL hold one. */
function text(value: unknown, ...path: readonly string[]): string | null {
  let found = value;
  for (const name of path) {
    found = typeof found === "object" && found !== null && !Array.isArray(found) ? (found as Json)[name] : undefined;
  }
  return typeof found === "string" && found !== "" ? found : null;
}

type TypedKind = Pick<Kind, "name" | "table" | "fieldsOf" | "established"> & Partial<Pick<Kind, "keyIsTid">>;

function kind(number: number, collection: string, { keyIsTid = true, ...more }: TypedKind): Kind {
  return { number, collection, keyIsTid, ...more };
}

/** Of a like or a repost one each account and post; of a follow or a block one each pair of accounts. */
const ONE_A_SUBJECT = ["account", "subject"];

/** A gate has the key of its post. */
const gateKeys = (collection: string): Pick<EstablishedTable, "key" | "keyOf" | "uriOf" | "created"> => ({
  key: "post_uri",
  keyOf: (uri) => uri.replace(`/${collection}/`, "/app.bsky.feed.post/"),
  uriOf: (key) => key.replace("/app.bsky.feed.post/", `/${collection}/`),
  created: "created_at",
});

const PROFILE_PATH = "/app.bsky.actor.profile/self";

export const KINDS: readonly Kind[] = [
  kind(5, "app.bsky.feed.post", {
    name: "posts",
    table: "post",
    fieldsOf: (value) => ({
      text: text(value, "text"),
      parent: text(value, "reply", "parent", "uri"),
      root: text(value, "reply", "root", "uri"),
    }),
    established: table("posts", { cid: "cid", text: "text", parent: "parent_uri", root: "root_uri" }),
  }),
  kind(1, "app.bsky.feed.like", {
    name: "likes",
    table: "like",
    fieldsOf: (value) => ({ subject: text(value, "subject", "uri") }),
    established: table("likes", { account: "user_did", subject: "post_uri" }, { onlyOne: ONE_A_SUBJECT }),
  }),
  kind(2, "app.bsky.feed.repost", {
    name: "reposts",
    table: "repost",
    fieldsOf: (value) => ({ subject: text(value, "subject", "uri") }),
    established: table("reposts", { account: "user_did", subject: "post_uri" }, { onlyOne: ONE_A_SUBJECT }),
  }),
  kind(3, "app.bsky.graph.follow", {
    name: "follows",
    table: "follow",
    fieldsOf: (value) => ({ subject: text(value, "subject") }),
    established: table("follows", { account: "follower_did", subject: "following_did" }, { onlyOne: ONE_A_SUBJECT }),
  }),
  kind(4, "app.bsky.graph.block", {
    name: "blocks",
    table: "block",
    fieldsOf: (value) => ({ subject: text(value, "subject") }),
    established: table("blocks", { account: "blocker_did", subject: "blocked_did" }, { onlyOne: ONE_A_SUBJECT }),
  }),
  kind(6, "app.bsky.actor.profile", {
    name: "profiles",
    table: "profile",
    keyIsTid: false,
    fieldsOf: (value) => ({ "display name": text(value, "displayName"), description: text(value, "description") }),
    established: table(
      "users",
      { "display name": "display_name", description: "description" },
      {
        key: "did",
        keyOf: (uri) => uri.slice("at://".length, -PROFILE_PATH.length),
        uriOf: (key) => `at://${key}${PROFILE_PATH}`,
        accountColumn: "did",
        // When the row was made, which is no time of the record.
        created: null,
        condition: "profile_record IS NOT NULL",
      },
    ),
  }),
  kind(7, "app.bsky.graph.list", {
    name: "lists",
    table: "list",
    fieldsOf: (value) => ({
      name: text(value, "name"),
      purpose: text(value, "purpose"),
      description: text(value, "description"),
    }),
    established: table("lists", { cid: "cid", name: "name", purpose: "purpose", description: "description" }),
  }),
  kind(8, "app.bsky.graph.listitem", {
    name: "list_items",
    table: "list_item",
    fieldsOf: (value) => ({ list: text(value, "list"), subject: text(value, "subject") }),
    established: table(
      "list_items",
      { cid: "cid", list: "list_uri", subject: "subject_did" },
      { onlyOne: ["list", "subject"] },
    ),
  }),
  kind(9, "app.bsky.graph.listblock", {
    name: "list_blocks",
    table: "list_block",
    fieldsOf: (value) => ({ subject: text(value, "subject") }),
    established: null,
  }),
  kind(10, "app.bsky.feed.generator", {
    name: "feed_generators",
    table: "feed_generator",
    keyIsTid: false,
    fieldsOf: (value) => ({
      service: text(value, "did"),
      "display name": text(value, "displayName"),
      description: text(value, "description"),
    }),
    established: table(
      "feed_generators",
      { cid: "cid", service: "did", "display name": "display_name", description: "description" },
      { accountColumn: "creator_did" },
    ),
  }),
  kind(11, "app.bsky.graph.starterpack", {
    name: "starter_packs",
    table: "starter_pack",
    fieldsOf: (value) => ({
      name: text(value, "name"),
      description: text(value, "description"),
      list: text(value, "list"),
    }),
    established: table("starter_packs", { cid: "cid", name: "name", description: "description", list: "list_uri" }),
  }),
  kind(12, "app.bsky.labeler.service", {
    name: "labeler_services",
    table: "labeler_service",
    keyIsTid: false,
    fieldsOf: () => ({}),
    established: table("labeler_services", { cid: "cid" }, { accountColumn: "creator_did" }),
  }),
  kind(13, "app.bsky.graph.verification", {
    name: "verifications",
    table: "verification",
    fieldsOf: (value) => ({ subject: text(value, "subject"), handle: text(value, "handle") }),
    established: table(
      "verifications",
      { cid: "cid", subject: "subject_did", handle: "handle" },
      { onlyOne: ["subject"] },
    ),
  }),
  kind(14, "app.bsky.feed.threadgate", {
    name: "thread_gates",
    table: "thread_gate",
    // What it allows is kept there in a form of its own.
    fieldsOf: (value) => ({ post: text(value, "post") }),
    established: table(
      "thread_gates",
      { post: "post_uri" },
      { ...gateKeys("app.bsky.feed.threadgate"), onlyOne: ["post"] },
    ),
  }),
  kind(15, "app.bsky.feed.postgate", {
    name: "post_gates",
    table: "post_gate",
    fieldsOf: () => ({}),
    established: null,
  }),
  {
    name: "generic_records",
    collection: null,
    number: null,
    table: "generic",
    keyIsTid: false,
    fieldsOf: () => ({}),
    established: table(
      "generic_records",
      { cid: "cid" },
      {
        accountColumn: "author_did",
        leavesOut: [
          "app.bsky.actor.status",
          "app.bsky.bookmark",
          "app.bsky.notification.declaration",
          "com.atproto.label.label",
        ],
      },
    ),
  },
];
