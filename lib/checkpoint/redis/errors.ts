/** What a person has to mend about the cursor's key. */
export class CursorKeyError extends Error {
  override readonly name = "CursorKeyError";
}
