/** Environment in, the typed settings of one process out. */
import { ConfigurationError, shownValue } from "./configuration-error.ts";
import { PROCESSES, type ProcessName, type Settings } from "./processes.ts";
import { SETTINGS, type SettingName } from "./settings.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The settings of `process`, defaults filled in. A variable that is set but empty counts as not set, as in
 * `LANES= standpipe start` and in compose files.
 *
 * @throws ConfigurationError naming the first variable that is wrong, what was given and what is allowed.
 */
export function readSettings<Name extends ProcessName>(
  name: Name,
  environment: Environment = process.env,
): Settings<Name> {
  const schema = PROCESSES[name];
  const given = Object.entries(environment).filter(([, value]) => value !== undefined && value.trim() !== "");
  const result = schema.safeParse(Object.fromEntries(given));
  if (result.success) return result.data as Settings<Name>;
  const wrong = result.error.issues[0]?.path[0] as SettingName;
  throw new ConfigurationError(settingProblem(wrong, environment[wrong] ?? ""));
}

/** Whether the user has set this variable at all. */
export function isSet(name: SettingName, environment: Environment = process.env): boolean {
  return (environment[name] ?? "").trim() !== "";
}

function settingProblem(name: SettingName, given: string): string {
  const { secret, allowed } = SETTINGS[name];
  return secret ? `${name} (not shown here): must be ${allowed}` : `${name}=${shownValue(given)}: must be ${allowed}`;
}

/**
 * The stream of `ingest` and `work`: said by STREAM, or inferred from the one address that is set.
 *
 * @throws ConfigurationError where none is set, both are, or STREAM names one whose address is missing.
 */
export function chosenStream(
  command: "ingest" | "work",
  settings: Pick<Settings<"ingest">, "STREAM" | "REDIS_URL" | "KINESIS_STREAM_NAME">,
): "redis" | "kinesis" {
  const { STREAM, REDIS_URL, KINESIS_STREAM_NAME } = settings;
  if (REDIS_URL === null && KINESIS_STREAM_NAME === null) {
    throw new ConfigurationError(
      `${command} needs a stream: set REDIS_URL or KINESIS_STREAM_NAME (without one, use start)`,
    );
  }
  if (STREAM === null) {
    if (REDIS_URL !== null && KINESIS_STREAM_NAME !== null) {
      throw new ConfigurationError(
        "STREAM is not set: must be redis or kinesis, since REDIS_URL and KINESIS_STREAM_NAME both are",
      );
    }
    return REDIS_URL === null ? "kinesis" : "redis";
  }
  const address = STREAM === "redis" ? REDIS_URL : KINESIS_STREAM_NAME;
  if (address === null) {
    throw new ConfigurationError(
      `STREAM=${STREAM}: needs ${STREAM === "redis" ? "REDIS_URL" : "KINESIS_STREAM_NAME"} as well`,
    );
  }
  return STREAM;
}
