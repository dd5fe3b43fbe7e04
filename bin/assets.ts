/** Files that travel with the program: beside the bundle, or where a checkout has them. */
import { existsSync } from "node:fs";
import { ConfigurationError } from "../lib/config/configuration-error.ts";

/** The recording that `start --demo` plays. */
export function bundledRecording(): URL {
  return firstThatExists([
    new URL("./network.spr", import.meta.url),
    new URL("../test/fixtures/network.spr", import.meta.url),
  ]);
}

function firstThatExists(places: readonly URL[]): URL {
  const found = places.find((place) => existsSync(place));
  if (found === undefined) {
    throw new ConfigurationError(
      `this installation is not whole, ${places[0]?.pathname ?? ""} is missing: install it again`,
    );
  }
  return found;
}
