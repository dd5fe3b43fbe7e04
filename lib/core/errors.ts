/** What the decoders throw inside this folder. None leaves it: every exported decoder turns it into a value. */

/** Bytes break the rules of their format: `message` says what, `offset` where (in the array given to the decoder). */
export class MalformedBytesError extends Error {
  override readonly name: string = "MalformedBytesError";
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** Well-formed as far as it was read, but more than a limit allows. */
export class OverLimitError extends MalformedBytesError {
  override readonly name = "OverLimitError";
}

/** A value has no form in DAG-CBOR. Thrown by the encoders: only a fault of the caller leads here. */
export class NotEncodableError extends Error {
  override readonly name = "NotEncodableError";
}
