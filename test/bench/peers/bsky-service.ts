/**
 * A database URL in, `@atproto/bsky`'s own schema and indexer on that database out, with identities that are answered from memory:
 * faster than any resolver that it could ask.
 */
import { Database, RepoSubscription } from "@atproto/bsky";

/** As the project's own development environment has it. */
const POOL_SIZE = 10;

/** With its schema in place. To be closed. */
export async function openDatabase(url: string): Promise<Database> {
  const database = new Database({ url, poolSize: POOL_SIZE });
  await database.migrateToLatestOrThrow();
  return database;
}

/** `service` is the relay's address; nothing is read before `start`. */
export function createSubscription({ service, database }: { readonly service: string; readonly database: Database }) {
  return new RepoSubscription({ service, db: database, idResolver: localIdentities() });
}

/** What the indexer asks of an `IdResolver`. Documents name no server, so that it removes what a deleted account leaves. */
function localIdentities() {
  const didByHandle = new Map<string, string>();
  const handleOf = (did: string): string => {
    const handle = `${did.slice("did:".length).replaceAll(/[^a-z0-9]/g, "-")}.test`;
    didByHandle.set(handle, did);
    return handle;
  };
  return {
    did: {
      resolve: async (did: string) => ({ id: did, alsoKnownAs: [`at://${handleOf(did)}`] }),
      resolveAtprotoData: async (did: string) => ({ did, handle: handleOf(did), pds: "", signingKey: "" }),
    },
    handle: { resolve: async (handle: string) => didByHandle.get(handle) },
  };
}
