/**
 * Limits of the protocol, each with its unit and where the number comes from. What exceeds one is told, never cut silently.
 * Names of sources: *lexicon* is `com.atproto.sync.subscribeRepos`, *sync* and *repository* are the specifications of those
 * names, *data validation* is the protocol's guide of that name, *relay* is what the reference relay enforces.
 */

/** Bytes of one websocket message (sync; relay). */
export const MAX_FRAME_BYTES = 5 * 1024 * 1024;

/** Bytes of `blocks` in a #commit (lexicon). It bounds records too: the 1,000,000 B (sync) and 1 MiB (data validation) are advice to writers. */
export const MAX_COMMIT_BLOCKS_BYTES = 2_000_000;

/**
 * Bytes of `blocks` in a #sync. The lexicon says 10,000, but relays let 2,000,000 pass: a #sync with other blocks beside the commit
 * still states the repo's rev and tree truthfully, and to refuse it would hide that the repo has to be fetched again.
 */
export const MAX_SYNC_BLOCKS_BYTES = MAX_COMMIT_BLOCKS_BYTES;

/** Ops of one #commit (lexicon; relay). */
export const MAX_OPS = 200;

/** Containers within containers, the outermost counted (data validation). */
export const MAX_CBOR_DEPTH = 32;

/** Elements of one array, entries of one map (data validation). */
export const MAX_CONTAINER_ITEMS = 131_072;

/**
 * Values in one record, all levels together: twice what one container may hold. Ours: two million bytes can say two million empty
 * maps, half a gigabyte once decoded. A record beyond it is kept by its bytes.
 */
export const MAX_RECORD_VALUES = 2 * 131_072;

/** UTF-8 bytes of a map's key (data validation). */
export const MAX_MAP_KEY_BYTES = 8192;

/** Bytes of a CID in binary form (data validation). */
export const MAX_CID_BYTES = 100;

/** Bytes of `collection/rkey`, the key of a record in the tree (relay). */
export const MAX_PATH_BYTES = 1024;

/** Milliseconds that a rev may be ahead of the time of receipt (relay). */
export const FUTURE_REV_TOLERANCE_MS = 5 * 60 * 1000;

/**
 * Blocks of one CAR slice. Ours: 200 ops with a record each and two neighbouring tree nodes on each of up to 40 levels are 16,200; a
 * slice of more serves only to cost time.
 */
export const MAX_CAR_BLOCKS = 16_384;

/** Bytes of a CAR's header. Ours: one root takes 59 bytes. */
export const MAX_CAR_HEADER_BYTES = 4096;

/** Characters of a DID (DID specification of the protocol). */
export const MAX_DID_CHARS = 2048;

/** Characters of a handle, as of a domain name (handle specification; RFC 1035). */
export const MAX_HANDLE_CHARS = 253;

/** Characters of an NSID (NSID specification). */
export const MAX_NSID_CHARS = 317;

/** Characters of a record key (record key specification). */
export const MAX_RKEY_CHARS = 512;

/** Characters kept of texts that are shown and never compared, such as an account's status or a relay's message. Ours. */
export const MAX_SHOWN_CHARS = 512;
