/** @atproto/sync, authenticated. */
import { syncDecoder } from "./atproto-sync.ts";
import type { Decode, Setting } from "./decode-harness.ts";

export function decoder(setting: Setting): Decode {
  return syncDecoder(setting, { authenticated: true });
}
