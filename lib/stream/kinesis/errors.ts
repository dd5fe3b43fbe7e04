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

/** The stream did not take a record for so long that somebody has to look. */
export class KinesisPutError extends Error {
  override readonly name = "KinesisPutError";

  constructor(options: {
    readonly streamName: string;
    readonly code: string;
    readonly message: string;
    readonly giveUpAfterMs: number;
  }) {
    const { streamName, code, message, giveUpAfterMs } = options;
    super(`stream ${streamName} has not taken a record for ${giveUpAfterMs / 1000} s (${code}: ${message})`);
  }
}
