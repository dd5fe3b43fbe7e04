/** `decode`: what it costs to make events of frames, for us and for other decoders, on the same frames and in the same rounds. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { openRecording } from "../../../lib/core/recording.ts";
import { projectRoot } from "../../support/project-root.ts";
import { type Figure, formatNumber, type Part, type PartOptions, summary } from "../figure.ts";
import { signedFrames, sizeOf } from "../load/frames.ts";
import { rounds } from "../rounds.ts";

/** What a decoder's process prints for each round; see peers/decode-harness.ts. */
interface Round {
  readonly events: number;
  readonly records: number;
  readonly refused: number;
  readonly cpuMicros: number;
  readonly residentBytes: number;
}

interface Decoder {
  readonly name: string;
  readonly title: string;
  /** What it does and checks. */
  readonly note: string;
}

const DECODERS = [
  {
    name: "standpipe",
    title: "ours",
    note: "decodeMessage: strict DAG-CBOR, all fields and syntaxes, the commit block with its hash, each op's record with its hash; records stay bytes.",
  },
  { name: "standpipe-values", title: "ours, records to values", note: "The same, and each record decoded strictly." },
  {
    name: "standpipe-packs",
    title: "ours with packs",
    note: "decodeMessage, then the event into its lane's pack (8 lanes), 500 events a pack, encodePack (zstd).",
  },
  {
    name: "atcute",
    title: "@atcute",
    note: "decodeFrame, the CAR's blocks and the ops' records as values, by strict CBOR; no hash, no syntax.",
  },
  {
    name: "atcute-checked",
    title: "@atcute, our checks",
    note: "The same with what ours checks: syntax of DID, revs and paths, the commit block and its hash, the hash of each record (crypto.hash).",
  },
  {
    name: "atcute-bytes",
    title: "@atcute, our checks, records as bytes",
    note: "The same, without making values of the records: what ours does, and no more.",
  },
  {
    name: "skyware",
    title: "@skyware/firehose",
    note: "Its own parser: every block of the CAR to values; no hash, no syntax.",
  },
  {
    name: "sync-unauthenticated",
    title: "@atproto/sync, unauthenticated",
    note: "Frame, lexicon and the hash of every block; records as values.",
  },
  {
    name: "sync-authenticated",
    title: "@atproto/sync, authenticated",
    note: "Its default: the signature and the proof of each op as well, with all keys at hand. Ours verifies no signature.",
  },
] as const satisfies readonly Decoder[];
type DecoderName = (typeof DECODERS)[number]["name"];

/** A file of frames, and what is needed to read it as each decoder wants. */
interface Corpus {
  readonly name: string;
  readonly frames: string;
  readonly documents: string;
  readonly about: string;
}

/** Held by every decoder's process while it works: 11 MB of the load's frames. */
const SLICE_FRAMES = 2_000;
const WARM_UP_MICROS = { quick: 300_000, full: 1_500_000 } as const;
/** Of one decoder in one round. A slow decoder gets fewer frames: its share stays the same. */
const ROUND_MICROS = { quick: 100_000, full: 400_000 } as const;
/** Of each corpus. */
const ROUNDS = {
  quick: { least: 3, most: 3, withinSeconds: 10 },
  full: { least: 3, most: 5, withinSeconds: 25 },
} as const;
const FIRST_FRAMES = 50;
const BUDGET_RESIDENT_MB = 120;
const BUDGET_RATIO = { atcute: 2, sync: 20 } as const;
const PEERS = fileURLToPath(new URL("../peers/", import.meta.url));

export const decode: Part = {
  name: "decode",
  about:
    "Frames to events on one thread: CPU time of a process of its own for each decoder, garbage collection included, in rounds by turns over the same frames.",
  async run(options) {
    const programs = await bundle(options.folder);
    const figures: Figure[] = [];
    for (const corpus of corpora(options)) figures.push(...(await measure(corpus, programs, options)));
    return figures;
  },
};

/** Plain JavaScript, as `dist` is: that Node strips types would show in the memory of the small ones. */
async function bundle(folder: string): Promise<ReadonlyMap<DecoderName, string>> {
  const programs = new Map<DecoderName, string>();
  for (const { name } of DECODERS) {
    const outfile = join(folder, "decode", `${name}.mjs`);
    const contents = `import { decoder } from "./decode-${name}.ts"; import { serve } from "./decode-harness.ts"; await serve(decoder);`;
    await build({
      stdin: { contents, resolveDir: PEERS, loader: "ts" },
      bundle: true,
      packages: "external",
      platform: "node",
      format: "esm",
      target: "node24",
      outfile,
      logLevel: "error",
    });
    programs.set(name, outfile);
  }
  return programs;
}

function corpora({ quick, folder, log }: PartOptions): readonly Corpus[] {
  return [
    sliceOf({
      name: "signed load",
      recording: signedFrames({ size: sizeOf(quick), log }),
      folder,
      about: "the first generator's frames, in mix, size and depth as the network's",
    }),
    sliceOf({
      name: "PDS",
      recording: join(projectRoot, "test/fixtures/network.spr"),
      folder,
      about: "the bundled recording of a real PDS with young, small repos and odd records",
    }),
  ];
}

function sliceOf(source: { name: string; recording: string; folder: string; about: string }): Corpus {
  const { name, recording, folder, about } = source;
  const { frames, didDocuments } = openRecording(readFileSync(recording));
  const slice = join(folder, "decode", basename(recording, ".spr"));
  mkdirSync(join(folder, "decode"), { recursive: true });
  const parts: Uint8Array[] = [];
  for (const frame of frames().take(SLICE_FRAMES)) {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(frame.length);
    parts.push(length, frame);
  }
  writeFileSync(`${slice}.frames`, Buffer.concat(parts));
  writeFileSync(`${slice}.json`, JSON.stringify(Object.fromEntries(didDocuments())));
  return { name, frames: `${slice}.frames`, documents: `${slice}.json`, about };
}

/** A decoder's process that waits for its turns. */
class Contestant {
  readonly decoder: (typeof DECODERS)[number];
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  /** Microseconds an event, one for each round. */
  readonly costs: number[] = [];
  residentBytes = 0;
  /** Since it began. */
  #seen = 0;
  #refused = 0;

  constructor(decoder: (typeof DECODERS)[number], program: string, { frames, documents }: Corpus) {
    this.decoder = decoder;
    this.#child = spawn(process.execPath, [program, frames, documents], { stdio: ["pipe", "pipe", "inherit"] });
    const { stdout } = this.#child;
    if (stdout === null) throw new Error("no standard output");
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  /** Microseconds an event over the next `events` frames. */
  async turn(events: number): Promise<number> {
    this.#child.stdin?.write(`${events}\n`);
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error(`the process of ${this.decoder.name} has ended`);
    const round = JSON.parse(value) as Round;
    this.residentBytes = round.residentBytes;
    this.#seen += round.events;
    this.#refused += round.refused;
    return round.cpuMicros / round.events;
  }

  /** Of the frames, the share that it does not take. */
  get refusedShare(): number {
    return this.#refused / this.#seen;
  }

  [Symbol.dispose](): void {
    this.#child.kill();
  }
}

async function measure(
  corpus: Corpus,
  programs: ReadonlyMap<DecoderName, string>,
  { quick, log }: PartOptions,
): Promise<readonly Figure[]> {
  const size = quick ? "quick" : "full";
  using contestants = new DisposableStack();
  const all = DECODERS.map((decoder) =>
    contestants.use(new Contestant(decoder, programs.get(decoder.name) ?? "", corpus)),
  );
  log(`${corpus.name}: warming ${all.length} decoders up`);
  const turns: number[] = [];
  for (const contestant of all) turns.push(await warmUp(contestant, size));
  for (const _ of rounds(ROUNDS[size])) {
    for (const [index, contestant] of all.entries())
      contestant.costs.push(await contestant.turn(turns[index] ?? FIRST_FRAMES));
  }
  log(`${corpus.name}: ${all[0]?.costs.length} rounds`);
  return figuresOf(corpus, new Map(all.map((contestant) => [contestant.decoder.name, contestant])));
}

/** Lets the compiler see the code often enough, and says how many frames make a round. */
async function warmUp(contestant: Contestant, size: "quick" | "full"): Promise<number> {
  let spent = 0;
  let cost = await contestant.turn(FIRST_FRAMES);
  while (spent < WARM_UP_MICROS[size]) {
    const events = Math.max(FIRST_FRAMES, Math.min(SLICE_FRAMES, Math.round(ROUND_MICROS[size] / cost)));
    cost = await contestant.turn(events);
    spent += cost * events;
  }
  return Math.max(FIRST_FRAMES, Math.round(ROUND_MICROS[size] / cost));
}

function figuresOf(corpus: Corpus, all: ReadonlyMap<DecoderName, Contestant>): readonly Figure[] {
  const contestant = (name: DecoderName): Contestant => {
    const found = all.get(name);
    if (found === undefined) throw new Error(`no decoder ${name}`);
    return found;
  };
  return [
    ...DECODERS.map(({ name }) => costFigure(corpus, contestant(name), contestant("atcute-checked"))),
    ...DECODERS.slice(0, 3).map(({ name }) => rateFigure(corpus, contestant(name))),
    ...DECODERS.map(({ name }) => memoryFigure(corpus, contestant(name), contestant("atcute-checked"))),
    ...ratioFigures(corpus, contestant),
  ];
}

function costFigure(corpus: Corpus, { decoder, costs, refusedShare }: Contestant, yardstick: Contestant): Figure {
  const cost = summary(costs);
  const isOurs = decoder.name.startsWith("standpipe");
  const peer = { name: yardstick.decoder.title, value: summary(yardstick.costs).value };
  return {
    part: "decode",
    name: `${decoder.title} (${corpus.name})`,
    unit: "µs an event",
    ...cost,
    ...(isOurs && { peer, ratio: peer.value / cost.value }),
    note: `${decoder.note}${refusedShare > 0 ? ` It refuses ${formatNumber(refusedShare * 100)} % of these frames.` : ""}${isOurs ? ` Frames: ${corpus.about}.` : ""}`,
  };
}

function rateFigure(corpus: Corpus, { decoder, costs }: Contestant): Figure {
  const { value, spread, runs } = summary(costs.map((cost) => 1_000_000 / cost));
  return {
    part: "decode",
    name: `${decoder.title} (${corpus.name}), rate`,
    value: Math.round(value),
    spread,
    runs,
    unit: "events/s a core",
  };
}

function memoryFigure(corpus: Corpus, { decoder, residentBytes }: Contestant, yardstick: Contestant): Figure {
  const isBudgeted = decoder.name === "standpipe-packs";
  return {
    part: "decode",
    name: `${decoder.title} (${corpus.name}), memory`,
    value: Math.round(residentBytes / 1e6),
    unit: "MB",
    ...(isBudgeted && {
      budget: { atMost: BUDGET_RESIDENT_MB },
      peer: { name: yardstick.decoder.title, value: Math.round(yardstick.residentBytes / 1e6) },
      note: `The highest resident size of the process, ${SLICE_FRAMES} frames held in it included; ours with the heap's bounds of \`standpipe start\`, the others as Node has them.`,
    }),
  };
}

/** Round by round, so that what slows the machine down slows both. */
function ratioFigures(corpus: Corpus, contestant: (name: DecoderName) => Contestant): readonly Figure[] {
  const ratio = (name: string, [ours, theirs]: readonly [DecoderName, DecoderName], atLeast?: number): Figure => {
    const our = contestant(ours).costs;
    return {
      part: "decode",
      name: `${name} (${corpus.name})`,
      ...summary(contestant(theirs).costs.map((cost, round) => cost / (our[round] ?? Number.NaN))),
      unit: "×",
      peer: { name: contestant(theirs).decoder.title, value: 1 },
      ...(atLeast !== undefined && { budget: { atLeast } }),
    };
  };
  return [
    ratio(
      "ours with packs against @atcute with our checks",
      ["standpipe-packs", "atcute-checked"],
      BUDGET_RATIO.atcute,
    ),
    ratio("ours with packs against @atcute with our checks, records as bytes", ["standpipe-packs", "atcute-bytes"]),
    ratio("ours against @atcute with our checks", ["standpipe", "atcute-checked"]),
    ratio("ours against @atcute with our checks, records as bytes", ["standpipe", "atcute-bytes"]),
    ratio("ours, records to values, against @atcute with our checks", ["standpipe-values", "atcute-checked"]),
    ratio(
      "ours with packs against @atproto/sync, unauthenticated",
      ["standpipe-packs", "sync-unauthenticated"],
      BUDGET_RATIO.sync,
    ),
    ratio(
      "ours with packs against @atproto/sync, authenticated",
      ["standpipe-packs", "sync-authenticated"],
      BUDGET_RATIO.sync,
    ),
  ];
}
