import { expect, test } from "vitest";
import { stagesOf } from "../../../../bin/unified/stages.ts";
import { createVitals, type Vitals } from "../../../../bin/unified/vitals.ts";
import type { SourceState } from "../../../../lib/firehose/port.ts";
import type { IngestState } from "../../../../lib/ingest/ingest.ts";
import { createCounters } from "../../../../lib/telemetry/counters.ts";
import type { StageState } from "../../../../lib/telemetry/watchdog.ts";

const MAX_IN_FLIGHT_BYTES = 1_000;

function vitalsWith(bytesInFlight: number, changes: Partial<Vitals> = {}): Vitals {
  const source: SourceState = {
    relay: "relay.test",
    connected: true,
    trouble: null,
    receivedSeq: 1,
    eventTimeMs: null,
    lastFrameAtMs: 1,
    paused: true,
  };
  const ingest: IngestState = {
    relay: "relay.test",
    epoch: 1,
    cursor: 1,
    eventTimeMs: null,
    receivedSeq: 1,
    bytesInFlight,
    durablePacks: 1,
  };
  const vitals = createVitals({ command: "start", counters: createCounters() });
  return Object.assign(vitals, { source: () => source, ingest: () => ingest, connectTrouble: null }, changes);
}

function stateOf(name: string, vitals: Vitals): StageState | undefined {
  return stagesOf(vitals, { maxInFlightBytes: MAX_IN_FLIGHT_BYTES })
    .find((stage) => stage.name === name)
    ?.state();
}

const mayBeStuck = (state: StageState | undefined) => state?.hasInput === true && state.downstreamOk;

test.each([
  [750, true],
  [751, false],
  [999, false],
  [1_000, false],
])("a source that is paused with %i of 1,000 bytes in flight: should it read on? %s", (bytesInFlight, should) => {
  expect(mayBeStuck(stateOf("source", vitalsWith(bytesInFlight)))).toBe(should);
});

test("events that lie are a fault only where the database would take them", () => {
  expect(mayBeStuck(stateOf("apply", vitalsWith(10)))).toBe(true);
  expect(mayBeStuck(stateOf("apply", vitalsWith(0)))).toBe(false);
  expect(mayBeStuck(stateOf("apply", vitalsWith(10, { connectTrouble: "away" })))).toBe(false);
  expect(mayBeStuck(stateOf("apply", vitalsWith(10, { writeTrouble: "deadlock" })))).toBe(false);
});

test("of a process that writes into a stream the last stage appends", () => {
  const stages = stagesOf(vitalsWith(10), { maxInFlightBytes: MAX_IN_FLIGHT_BYTES, downstream: "stream" });
  expect(stages.map(({ name }) => name)).toEqual(["source", "append"]);
});
