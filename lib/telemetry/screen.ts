/** Standard output and error as one screen: lines, and one status line that is rewritten in place on a terminal. */
import { createLog, type LogOptions } from "./log.ts";
import type { Log } from "./port.ts";

export interface ScreenStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface Screen {
  /** A whole line on standard output. */
  line(text: string): void;
  /** A log line (newline included) on standard error. */
  log(line: string): void;
  /** Shows the status: in place on a terminal, as a line of its own elsewhere. */
  status(text: string): void;
  /** Ends the status line, so that what comes next begins on a line of its own. */
  endStatus(): void;
  /** Columns of the terminal, null where it is none. */
  readonly width: number | null;
}

const CLEAR_LINE = "\r\u001b[2K";

export function createScreen(streams: { readonly out: ScreenStream; readonly err: ScreenStream }): Screen {
  const { out, err } = streams;
  const terminal = out.isTTY === true;
  let shown = "";
  const around = (print: () => void): void => {
    if (shown !== "") out.write(CLEAR_LINE);
    print();
    if (shown !== "") out.write(shown);
  };
  return {
    line: (text) => around(() => out.write(`${text}\n`)),
    log: (line) => around(() => err.write(line)),
    status(text) {
      if (!terminal) {
        out.write(`${text}\n`);
        return;
      }
      shown = text;
      out.write(`${CLEAR_LINE}${text}`);
    },
    endStatus() {
      if (shown !== "") out.write("\n");
      shown = "";
    },
    get width() {
      if (!terminal) return null;
      // Some terminals say 0, which is that they do not know.
      return out.columns !== undefined && out.columns > 0 ? out.columns : 80;
    },
  };
}

/** A log whose lines go on this screen. */
export function screenLog(screen: Screen, options: Pick<LogOptions, "level" | "readable">): Log {
  return createLog({ ...options, write: (line) => screen.log(line) });
}
