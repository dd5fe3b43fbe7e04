/** A transaction of a database in which nothing is stored, and which forgets what is written. */
import type { StoreTransaction } from "../../lib/store/port.ts";

export const emptyTransaction: StoreTransaction = {
  resolve: ({ dids, subjects }) =>
    Promise.resolve({
      actors: new Map(dids.map((did, index) => [did, index])),
      collections: new Map(),
      subjects: subjects.distinct.map((_, index) => index),
    }),
  lock: ({ lanes, authors, announced }) =>
    Promise.resolve({
      lanes: lanes.map(() => ({ fence: 0, number: 0 })),
      authors: authors.map(() => ({ rev: 0n, contiguousFrom: 0n, tree: null, isOdd: false })),
      accounts: announced.map(() => null),
    }),
  pathStates: () => Promise.resolve(new Map()),
  write: () => Promise.resolve(),
};
