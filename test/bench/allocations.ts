/**
 * `node --expose-gc --single-threaded --min-semi-space-size=64 --max-semi-space-size=64 allocations.ts`: bytes of JavaScript heap that an
 * event costs on its way from frame to pack, as JSON. Counted, not timed: the young generation holds all that a stretch allocates, so that
 * nothing is collected before it is read off, and without threads of its own V8 compiles at the same moment every time.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { decodeMessage } from "../../lib/core/decode-event.ts";
import { PackBuilder } from "../../lib/core/pack-builder.ts";
import { openRecording } from "../../lib/core/recording.ts";

const RECORDING = fileURLToPath(new URL("../fixtures/network.spr", import.meta.url));
const FRAMES = 2_000;
/** Until everything is compiled. */
const WARM_UP_LAPS = 12;
const MEASURED_LAPS = 5;
const PACK_EVENTS = 500;
/** After every rev of the recording. */
const RECEIVED_AT_MS = Date.UTC(2026, 11, 1);

const frames = openRecording(readFileSync(RECORDING)).frames().take(FRAMES).toArray();
const builder = new PackBuilder();
let number = 0;

/** Bytes an event; null where the collector came in between and the difference says nothing. */
function lap(): number | null {
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  let events = 0;
  for (const frame of frames) {
    const message = decodeMessage(frame, RECEIVED_AT_MS);
    if (message.kind !== "event") continue;
    events += 1;
    builder.append(message.event);
    if (builder.count < PACK_EVENTS) continue;
    number += 1;
    builder.seal({ lane: 0, lanes: 1, relay: "load.test", epoch: 1, fence: 1, number });
  }
  const grown = process.memoryUsage().heapUsed - before;
  return grown > 0 ? grown / events : null;
}

for (let round = 0; round < WARM_UP_LAPS; round += 1) lap();
const laps = Array.from({ length: MEASURED_LAPS }, lap).filter((bytes) => bytes !== null);
console.log(JSON.stringify({ bytesAnEvent: laps.toSorted((a, b) => a - b)[laps.length >> 1] ?? null, laps }));
