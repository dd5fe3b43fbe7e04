/** What a transaction did → counters. */
import type { Telemetry } from "../telemetry/port.ts";
import type { Outcome } from "./apply.ts";

export function countOutcome({ counts, repeatedPacks, gaps }: Outcome, telemetry: Telemetry): void {
  telemetry.count("batches_total");
  for (const [kind, number] of Object.entries(counts.appliedEvents)) {
    telemetry.count("applied_events_total", number, kind);
  }
  for (const [action, number] of Object.entries(counts.appliedOps)) {
    telemetry.count("applied_ops_total", number, action);
  }
  for (const [reason, number] of Object.entries(counts.deadLetters)) {
    telemetry.count("dead_letters_total", number, reason);
  }
  countSome(telemetry, "repeated_events_total", counts.repeatedEvents);
  countSome(telemetry, "repeated_ops_total", counts.repeatedOps);
  countSome(telemetry, "broken_chains_total", counts.brokenChains);
  countSome(telemetry, "repeated_packs_total", repeatedPacks);
  for (const gap of gaps) {
    telemetry.count("gaps_total", 1, gap.reason);
    telemetry.log.warn("packs are missing", { detail: gap.detail });
  }
}

function countSome(telemetry: Telemetry, name: Parameters<Telemetry["count"]>[0], by: number): void {
  if (by !== 0) {
    telemetry.count(name, by);
  }
}
