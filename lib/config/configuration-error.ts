/** A setting, an option or a place on disk that can never work: the process ends with exit code 2 and this one line. */
export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
}

const SHOWN_CHARACTERS = 80;

/**
 * What a person gave, fit for one line of a log: control characters escaped, long values cut, and whatever stands
 * before an `@` in a URL (a name, a password) left out.
 */
export function shownValue(given: string): string {
  const escaped = JSON.stringify(given).slice(1, -1).replaceAll('\\"', '"');
  const harmless = escaped.replaceAll(/\/\/[^/]*@/g, "//***@");
  return harmless.length > SHOWN_CHARACTERS ? `${harmless.slice(0, SHOWN_CHARACTERS)}…` : harmless;
}
