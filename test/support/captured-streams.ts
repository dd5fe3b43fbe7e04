/** Standard output and error that a test can read. */
import { Writable } from "node:stream";
import type { OutputStream, Streams } from "../../bin/command-context.ts";

export interface CapturedStreams extends Streams {
  outText(): string;
  errText(): string;
}

export function captureStreams(): CapturedStreams {
  const out = captured();
  const err = captured();
  return { out: out.stream, err: err.stream, outText: out.text, errText: err.text };
}

function captured(): { readonly stream: OutputStream; readonly text: () => string } {
  let text = "";
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString("utf8");
      done();
    },
  });
  return { stream, text: () => text };
}
