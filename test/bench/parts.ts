/** The parts of the bench, in the order in which they run. */
import type { Part } from "./figure.ts";

interface PartEntry {
  readonly name: string;
  /** Compares with programs of others, which test/bench has to have installed. */
  readonly needsPeers: boolean;
  /** Not run by itself where the part that contains it runs. */
  readonly within?: string;
  /** Only the part that runs is loaded: each has dependencies of its own. */
  readonly load: () => Promise<Part>;
}

export const PARTS: readonly PartEntry[] = [
  { name: "decode", needsPeers: true, load: async () => (await import("./parts/decode.ts")).decode },
  { name: "pack", needsPeers: false, load: async () => (await import("./parts/pack.ts")).pack },
  { name: "index", needsPeers: false, load: async () => (await import("./parts/index.ts")).index },
  { name: "hot-rows", needsPeers: false, load: async () => (await import("./parts/hot-rows.ts")).hotRows },
  { name: "end-to-end", needsPeers: true, load: async () => (await import("./parts/end-to-end.ts")).endToEnd },
  { name: "latency", needsPeers: true, load: async () => (await import("./parts/latency.ts")).latency },
  { name: "redis", needsPeers: true, load: async () => (await import("./parts/redis.ts")).redis },
  { name: "memory", needsPeers: true, load: async () => (await import("./parts/memory.ts")).memory },
  { name: "storage", needsPeers: true, load: async () => (await import("./parts/storage.ts")).storage },
  { name: "growth", needsPeers: false, load: async () => (await import("./parts/growth.ts")).growth },
  {
    name: "reading",
    needsPeers: false,
    within: "growth",
    load: async () => (await import("./parts/reading.ts")).reading,
  },
];

/** The parts asked for by name, all where none is named; a part within another only where that one does not run. */
export function chosenParts(names: readonly string[]): readonly PartEntry[] {
  const wanted = names.length === 0 ? PARTS : PARTS.filter(({ name }) => names.includes(name));
  return wanted.filter(({ within }) => within === undefined || !wanted.some(({ name }) => name === within));
}

/** Names that no part has. */
export function unknownParts(names: readonly string[]): readonly string[] {
  return names.filter((name) => !PARTS.some((part) => part.name === name));
}
