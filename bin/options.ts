/** How options' texts are read. */
import { InvalidArgumentError } from "commander";

/** For `--exit-when-idle SECONDS` and the like: a positive number, fractions allowed. */
export function positiveSeconds(text: string): number {
  const seconds = /^\d{1,9}(\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN;
  if (!(seconds > 0)) throw new InvalidArgumentError("Must be a number of seconds greater than 0.");
  return seconds;
}

/** A reader of whole numbers between two bounds, both included. */
export function wholeNumberBetween(from: number, to: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= from && value <= to))
      throw new InvalidArgumentError(`Must be a whole number from ${from} to ${to}.`);
    return value;
  };
}

/** `--speed`: events a second, or `max`. */
export function speedOption(text: string): number | "max" {
  if (text === "max") return text;
  const speed = /^\d{1,9}(\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN;
  if (!(speed > 0)) throw new InvalidArgumentError("Must be max or a number of events a second greater than 0.");
  return speed;
}

const TIME_IN_UTC = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?Z$/;

/** A time such as `2026-11-20T08:00:00Z` → Unix milliseconds; NaN for anything else. */
export function readTimeInUtc(text: string): number {
  return TIME_IN_UTC.test(text) ? Date.parse(text) : Number.NaN;
}

/** For `--since` and `--until`. */
export function timeInUtc(text: string): number {
  const timeMs = readTimeInUtc(text);
  if (!(timeMs > 0)) throw new InvalidArgumentError("Must be a time such as 2026-11-20T08:00:00Z.");
  return timeMs;
}

/** Where reading begins where no cursor is known. */
export type FirstPlace = "live" | "oldest" | number;

/** `--from`: live, oldest, or the seq after which reading begins. */
export function firstPlace(text: string): FirstPlace {
  if (text === "live" || text === "oldest") return text;
  const seq = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(seq)) throw new InvalidArgumentError("Must be live, oldest or a seq.");
  return seq;
}
