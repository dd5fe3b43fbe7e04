/** What the Kinesis stream throws. Whatever passes is no error: it is tried again. */

/** A pack was appended after `close`, or was still waiting when the writer was disposed of. */
export class KinesisClosedError extends Error {
  override readonly name = "KinesisClosedError";

  constructor() {
    super("the stream is closed");
  }
}

/** The stream's name, region or endpoint is wrong: a person has to change a setting. */
export class KinesisStreamError extends Error {
  override readonly name = "KinesisStreamError";
}
