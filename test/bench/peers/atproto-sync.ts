/** @atproto/sync's Firehose, without its socket: each frame goes the way of its subscription, then through its parser. */
import { getKey } from "@atproto/identity";
import { Firehose } from "@atproto/sync";
import { ensureChunkIsMessage } from "../node_modules/@atproto/xrpc-server/dist/stream/stream.js";
import type { Decode, Setting } from "./decode-harness.ts";

/** What of the class its declaration keeps to itself. */
interface Inside {
  readonly sub: { readonly opts: { validate(body: unknown): unknown } };
  parseEvt(event: unknown): Promise<readonly { readonly event: string; readonly record?: unknown }[]>;
}

const METHOD = "com.atproto.sync.subscribeRepos";

/** Authenticated is the default of the package: signature and proof of each op, with the key that an identity cache would have. */
export function syncDecoder({ didDocuments }: Setting, { authenticated }: { authenticated: boolean }): Decode {
  const keys = new Map([...didDocuments].map(([did, document]) => [did, getKey(document as never)]));
  let hasFailed = false;
  const firehose = new Firehose({
    idResolver: { did: { resolveAtprotoKey: (did: string) => Promise.resolve(keys.get(did)) } } as never,
    unauthenticatedCommits: !authenticated,
    excludeIdentity: true,
    handleEvent: () => {},
    onError: () => {
      hasFailed = true;
    },
  }) as unknown as Inside;
  return async (frame) => {
    hasFailed = false;
    const { header, body } = ensureChunkIsMessage(frame);
    const event = firehose.sub.opts.validate({ ...(body as object), $type: METHOD + header.t });
    if (event === undefined) return -1;
    const parsed = await firehose.parseEvt(event);
    return hasFailed ? -1 : parsed.filter(({ record }) => record !== undefined).length;
  };
}
