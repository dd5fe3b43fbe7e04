/** What credentials throw. What passes (throttling, a network that is away) stays as the SDK throws it. */

/** A setting, a right or a secret is wrong: a person has to change it. Never says what is in a secret. */
export class CredentialsError extends Error {
  override readonly name = "CredentialsError";
}
