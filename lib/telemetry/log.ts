/** Log lines: one JSON object a line for machines, short readable lines for a terminal. Never on standard output. */
import pino from "pino";
import type { Log, LogFields } from "./port.ts";

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

export interface LogOptions {
  readonly level: LogLevel;
  /** Readable lines instead of JSON. */
  readonly readable: boolean;
  /** Takes whole lines, newline included. */
  readonly write: (line: string) => void;
}

export function createLog(options: LogOptions): Log {
  const destination = { write: options.readable ? (line: string) => options.write(readableLine(line)) : options.write };
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  return {
    debug: (message, fields) => logger.debug(fields ?? {}, message),
    info: (message, fields) => logger.info(fields ?? {}, message),
    warn: (message, fields) => logger.warn(fields ?? {}, message),
    error: (message, fields) => logger.error(fields ?? {}, message),
  };
}

/** A pino line in, `12:03:44 warn  relay closed the connection · reason=idle` out. */
export function readableLine(json: string): string {
  const { time, level, msg, ...fields } = JSON.parse(json) as LogFields & { time: string; level: string; msg: string };
  const shown = Object.entries(fields).filter(([, value]) => value !== null && value !== undefined);
  const tail = shown.length === 0 ? "" : ` · ${shown.map(([name, value]) => `${name}=${printable(value)}`).join(" ")}`;
  return `${time.slice(11, 19)} ${level.padEnd(5)} ${printable(msg)}${tail}\n`;
}

/** Whatever the network sent must not move the cursor of somebody's terminal. */
function printable(value: unknown): string {
  return String(value).replaceAll(/\p{Cc}/gu, " ");
}

/** An error with its causes in one line: `could not connect: connect ECONNREFUSED 127.0.0.1:5432`. */
export function errorLine(error: unknown): string {
  const lines: string[] = [];
  for (let fault: unknown = error, depth = 0; fault !== undefined && fault !== null && depth < 6; depth += 1) {
    const line = messageOf(fault);
    if (line !== "" && !lines.some((known) => known.includes(line))) lines.push(line);
    fault = fault instanceof Error ? fault.cause : undefined;
  }
  return printable(lines.join(": "));
}

function messageOf(fault: unknown): string {
  if (!(fault instanceof Error)) return String(fault);
  // Node's "every address failed" has an empty message; what it holds says more.
  if (fault instanceof AggregateError && fault.message === "") return fault.errors.map(messageOf).join(", ");
  return fault.message === "" ? fault.name : fault.message;
}
