/** What a bill cannot be made of. */

/** The template has a database or a node of a class that the price table does not know. */
export class UnknownPriceError extends Error {
  override readonly name = "UnknownPriceError";
}
