/** A running `standpipe start` in; what it holds at a moment out, and what has grown over many. */
import { readdirSync } from "node:fs";
import { residentBytes, type Standpipe } from "../bench/processes.ts";
import { rise } from "../bench/trend.ts";
import type { Client } from "../support/postgres-client.ts";

export interface Look {
  readonly atSeconds: number;
  readonly residentMb: number;
  readonly heapMb: number;
  /** Open file handles of the process, sockets included. */
  readonly handles: number;
  /** Of its pipeline, to the database. */
  readonly connections: number;
  /** Events that were received and are not durable yet. */
  readonly behind: number;
  readonly cursor: number;
}

interface Status {
  readonly cursor: number | null;
  readonly receivedSeq: number | null;
}

/** @throws where it has ended, or its figures cannot be read. */
export async function look(standpipe: Standpipe, client: Client, atSeconds: number): Promise<Look> {
  const { pid } = standpipe.process;
  const response = await fetch(`${standpipe.address}/status`, { signal: AbortSignal.timeout(5_000) });
  const { cursor, receivedSeq } = (await response.json()) as Status;
  const resident = residentBytes(pid);
  if (resident === null) throw new Error("its memory cannot be known: it has ended, or this is not Linux");
  const { rows } = await client.query<{ count: number }>(
    "SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name = 'standpipe'",
  );
  return {
    atSeconds,
    residentMb: resident / 1e6,
    heapMb: lastHeap(standpipe) / 1e6,
    handles: readdirSync(`/proc/${pid}/fd`).length,
    connections: rows[0]?.count ?? 0,
    behind: Math.max(0, (receivedSeq ?? 0) - (cursor ?? 0)),
    cursor: cursor ?? 0,
  };
}

/** Loaded before the program: only a process itself knows its heap. */
export const TELL_HEAP = `data:text/javascript,${encodeURIComponent(
  'setInterval(() => console.error("heap " + process.memoryUsage().heapUsed), 1000).unref()',
)}`;

function lastHeap({ process }: Standpipe): number {
  const lines = process.stderr().split("\n");
  return Number(lines.findLast((line) => line.startsWith("heap "))?.slice("heap ".length) ?? Number.NaN);
}

/** What may be, at the most. */
export interface SoakLimits {
  readonly residentMb: number;
  /** By the line through the looks after the first fifth, in the whole time. */
  readonly residentRiseMb: number;
  readonly heapRiseMb: number;
  readonly handlesRise: number;
  readonly connections: number;
  /** Seconds of the rate that may wait. */
  readonly behindEvents: number;
}

/** One line each; none where nothing grows. */
export function faultsOfSoak(looks: readonly Look[], limits: SoakLimits): readonly string[] {
  const settled = looks.slice(Math.floor(looks.length / 5));
  const riseOf = (of: (each: Look) => number) =>
    rise(settled.map((each) => ({ atSeconds: each.atSeconds, value: of(each) })));
  const most = (of: (each: Look) => number) => Math.max(...settled.map(of));
  const checks: readonly (readonly [string, number, number])[] = [
    ["resident MB, the most", most(({ residentMb }) => residentMb), limits.residentMb],
    ["resident MB, rise", riseOf(({ residentMb }) => residentMb), limits.residentRiseMb],
    ["heap MB, rise", riseOf(({ heapMb }) => heapMb), limits.heapRiseMb],
    ["file handles, rise", riseOf(({ handles }) => handles), limits.handlesRise],
    ["connections, the most", most(({ connections }) => connections), limits.connections],
    ["events behind, the most of the last fifth", mostBehindAtEnd(looks), limits.behindEvents],
  ];
  return checks
    .filter(([, value, limit]) => !(value <= limit))
    .map(([name, value, limit]) => `${name}: ${value.toFixed(1)}, ${limit} at the most`);
}

function mostBehindAtEnd(looks: readonly Look[]): number {
  return Math.max(...looks.slice(-Math.ceil(looks.length / 5)).map(({ behind }) => behind));
}
