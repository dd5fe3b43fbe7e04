/** A log that says nothing, for parts whose words a test does not look at. */
import type { Log } from "../../lib/telemetry/port.ts";

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
