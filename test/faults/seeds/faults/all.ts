/** Every fault that a schedule may have. */
import type { Mode } from "../world.ts";
import { CONTENT_FAULTS } from "./content-faults.ts";
import type { Fault } from "./fault.ts";
import { POSTGRES_FAULTS } from "./postgres-faults.ts";
import { PROCESS_FAULTS } from "./process-faults.ts";
import { RELAY_FAULTS } from "./relay-faults.ts";
import { STREAM_FAULTS } from "./stream-faults.ts";

export const FAULTS: readonly Fault[] = [
  ...PROCESS_FAULTS,
  ...POSTGRES_FAULTS,
  ...RELAY_FAULTS,
  ...STREAM_FAULTS,
  ...CONTENT_FAULTS,
];

export function faultsOf(mode: Mode): readonly Fault[] {
  return FAULTS.filter(({ modes }) => modes.includes(mode));
}
