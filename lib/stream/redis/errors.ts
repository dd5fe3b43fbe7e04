/** What ends a writer or a reader of a Redis stream. */

/** The writer was closed: it takes nothing more. */
export class RedisClosedError extends Error {
  override readonly name = "RedisClosedError";
  constructor() {
    super("the stream is closed");
  }
}

/** A newer process writes this stream: this one has to stop. */
export class RedisFencedError extends Error {
  override readonly name = "RedisFencedError";
  constructor() {
    super("another ingester has taken over this stream");
  }
}

/** Something that a person has to mend: password, rights, a key that holds something else. */
export class RedisStreamError extends Error {
  override readonly name = "RedisStreamError";
}

/** The error itself, or what a person has to mend about it. */
export function explainRedis(error: unknown): unknown {
  const message = error instanceof Error ? error.message : String(error);
  if (/WRONGPASS|NOAUTH|invalid username-password|called without any password/.test(message)) {
    return new RedisStreamError(`REDIS_URL (not shown here): the server refuses the login (${message})`, {
      cause: error,
    });
  }
  if (/NOPERM/.test(message)) {
    return new RedisStreamError(`REDIS_URL (not shown here): its user may not do what is needed (${message})`, {
      cause: error,
    });
  }
  if (/WRONGTYPE/.test(message)) {
    return new RedisStreamError(
      `a key of this deployment holds something else (${message}): name other keys, or delete it`,
      { cause: error },
    );
  }
  return error;
}
