// In: --frames, --seed, --out. Out: a recording of a real PDS: the frames of its firehose and the repos they end in.
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type DidDocument, getKey } from "@atproto/identity";
import { encodeRecording } from "../../lib/core/encode-recording.ts";
import type { RecordedRepo } from "../../lib/core/recording.ts";
import { Capture, decodeFrame } from "./capture.ts";
import { checkRepo, type Replayed, replay } from "./check.ts";
import { live } from "./life.ts";
import { type Network, startNetwork } from "./network.ts";
import { Random } from "./random.ts";
import { World } from "./world.ts";

const DEFAULT_OUT = join(import.meta.dirname, "../../test/fixtures/network.spr");

async function record({ frames, seed, out }: { frames: number; seed: number; out: string }): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "standpipe-record-"));
  try {
    await using network = await startNetwork(directory);
    using capture = await Capture.connect(network.pdsUrl);
    const world = new World({ network, capture, random: new Random(seed) });
    await live(world, { frames, onProgress: (done, count) => say(`${String(count).padStart(6)} frames  ${done}`) });
    await capture.reached((await network.pds.ctx.sequencer.curr()) ?? 0);

    const replayed = await replay(capture.frames);
    const repos: RecordedRepo[] = [];
    const didDocuments = new Map<string, unknown>();
    for (const { did } of world.everyone) {
      const document = await fetchDidDocument(network, did);
      const repo = { did, car: world.lastCars.get(did) ?? (await world.fetchCar(did)) };
      await checkRepo(replayed, repo, signingKeyOf(did, document));
      didDocuments.set(did, document);
      repos.push(repo);
    }
    writeRecording(out, { frames: capture.frames, seed, repos, didDocuments, replayed });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

interface Recorded {
  frames: readonly Uint8Array[];
  seed: number;
  repos: readonly RecordedRepo[];
  didDocuments: ReadonlyMap<string, unknown>;
  replayed: Replayed;
}

/** Whole or not at all: the file takes its name when all of it is there. */
function writeRecording(out: string, { frames, seed, repos, didDocuments, replayed }: Recorded): void {
  const meta = {
    formatVersion: 1,
    recordedAt: new Date().toISOString(),
    source: `com.atproto.sync.subscribeRepos of a local PDS (npm @atproto/pds), seed ${seed}`,
    frames: frames.length,
    firstSeq: seqOf(frames[0]),
    lastSeq: seqOf(frames.at(-1)),
    accounts: replayed.accounts.size,
  } as const;
  const content = { meta, frames, repos, didDocuments, accounts: replayed.accounts };
  const file = Buffer.concat([...encodeRecording(content)]);
  writeFileSync(`${out}.partial`, file);
  renameSync(`${out}.partial`, out);
  printMix(replayed, file.length);
  say(`${out}: ${meta.frames} frames, ${repos.length} repos, ${file.length} bytes`);
}

function seqOf(frame: Uint8Array | undefined): number {
  return frame === undefined ? 0 : decodeFrame(frame).seq;
}

async function fetchDidDocument({ plcUrl }: Network, did: string): Promise<DidDocument> {
  const response = await fetch(`${plcUrl}/${did}`);
  if (!response.ok) throw new Error(`${did}: the directory answers ${response.status}`);
  return (await response.json()) as DidDocument;
}

function signingKeyOf(did: string, document: DidDocument): string {
  // The directory on npm still writes the older form of keys (uncompressed, with a type for each curve); this reads both.
  const key = getKey(document);
  if (key === undefined) throw new Error(`${did}: no signing key in its document`);
  return key;
}

function printMix({ mix, accounts, repos }: Replayed, bytes: number): void {
  const rows = [...mix].sort(([, left], [, right]) => right - left);
  const ops = rows.filter(([what]) => / (create|update|delete)$/.test(what)).reduce((sum, [, times]) => sum + times, 0);
  for (const [what, times] of rows) {
    const share = / (create|update|delete)$/.test(what)
      ? `${((100 * times) / ops).toFixed(1).padStart(5)} % of ops`
      : "";
    say(`${String(times).padStart(7)}  ${what.padEnd(56)}${share}`);
  }
  const states = Map.groupBy(accounts.values(), ({ status = "active" }) => status);
  say(`accounts: ${[...states].map(([state, all]) => `${all.length} ${state}`).join(", ")}`);
  const records = [...repos.values()].reduce((sum, paths) => sum + paths.size, 0);
  say(`${ops} ops, ${records} records at the end, ${bytes} bytes`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

const { values } = parseArgs({
  options: {
    frames: { type: "string", default: "6500" },
    seed: { type: "string", default: "1" },
    out: { type: "string", default: DEFAULT_OUT },
  },
});
await record({ frames: Number(values.frames), seed: Number(values.seed), out: resolve(values.out) });
