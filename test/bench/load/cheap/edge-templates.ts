/** Likes, reposts and follows as bytes: encoded once by our encoder, then only what differs is written into a copy. */

import { cidText, DIGEST_BYTES } from "../../../../lib/core/cid.ts";
import type { CborValue } from "../../../../lib/core/dag-cbor.ts";
import { encodeCbor } from "../../../../lib/core/dag-cbor-encode.ts";

/** A record of the network: where it is, and the digest of its CID. */
export interface RecordRef {
  readonly uri: string;
  readonly digest: Uint8Array;
}

export interface EdgeTemplates {
  like(post: RecordRef, createdAt: string, via: RecordRef | null): Uint8Array;
  repost(post: RecordRef, createdAt: string): Uint8Array;
  follow(did: string, createdAt: string): Uint8Array;
}

/** Every text stands for one of the same length. */
const POST_URI = "at://did:plc:aaaaaaaaaaaaaaaaaaaaaaaa/app.bsky.feed.post/aaaaaaaaaaaaa";
const VIA_URI = "at://did:plc:bbbbbbbbbbbbbbbbbbbbbbbb/app.bsky.feed.repost/bbbbbbbbbbbbb";
const DID = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa";
const CREATED_AT = "1970-01-01T00:00:00.000Z";
const POST_DIGEST = new Uint8Array(DIGEST_BYTES).fill(0xa5);
const VIA_DIGEST = new Uint8Array(DIGEST_BYTES).fill(0x5a);

export function createEdgeTemplates(): EdgeTemplates {
  const post = strongRef(POST_URI, POST_DIGEST);
  const like = template("app.bsky.feed.like", { subject: post });
  const likeVia = template("app.bsky.feed.like", { subject: post, via: strongRef(VIA_URI, VIA_DIGEST) });
  const repost = template("app.bsky.feed.repost", { subject: post });
  const follow = template("app.bsky.graph.follow", { subject: DID });
  return {
    like: (subject, createdAt, via) => fill(via === null ? like : likeVia, { subject, createdAt, via }),
    repost: (subject, createdAt) => fill(repost, { subject, createdAt, via: null }),
    follow(did, createdAt) {
      const bytes = Buffer.from(follow.bytes);
      bytes.write(did, follow.did, "latin1");
      bytes.write(createdAt, follow.createdAt, "latin1");
      return bytes;
    },
  };
}

/** A reference to one version of a record: both fields are texts, the CID as well. */
export function strongRef(uri: string, digest: Uint8Array): CborValue {
  return new Map<string, CborValue>([
    ["cid", cidText(digest)],
    ["uri", uri],
  ]);
}

/** The bytes, and where in them each of the placeholders stands; −1 where it does not. */
interface Template {
  readonly bytes: Buffer;
  readonly createdAt: number;
  readonly did: number;
  readonly uri: number;
  readonly cid: number;
  readonly viaUri: number;
  readonly viaCid: number;
}

function template(type: string, fields: Readonly<Record<string, CborValue>>): Template {
  const record = new Map<string, CborValue>([["$type", type], ...Object.entries(fields), ["createdAt", CREATED_AT]]);
  const bytes = Buffer.from(encodeCbor(record));
  return {
    bytes,
    createdAt: bytes.indexOf(CREATED_AT),
    did: bytes.indexOf(DID),
    uri: bytes.indexOf(POST_URI),
    cid: bytes.indexOf(cidText(POST_DIGEST)),
    viaUri: bytes.indexOf(VIA_URI),
    viaCid: bytes.indexOf(cidText(VIA_DIGEST)),
  };
}

interface Filling {
  readonly subject: RecordRef;
  readonly createdAt: string;
  readonly via: RecordRef | null;
}

function fill(from: Template, { subject, createdAt, via }: Filling): Uint8Array {
  const bytes = Buffer.from(from.bytes);
  bytes.write(subject.uri, from.uri, "latin1");
  bytes.write(cidText(subject.digest), from.cid, "latin1");
  bytes.write(createdAt, from.createdAt, "latin1");
  if (via !== null) {
    bytes.write(via.uri, from.viaUri, "latin1");
    bytes.write(cidText(via.digest), from.viaCid, "latin1");
  }
  return bytes;
}
