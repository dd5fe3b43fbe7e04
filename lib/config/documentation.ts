/** The table of settings in, `docs/configuration.md` out. */
import { PROCESSES } from "./processes.ts";
import { SETTINGS, type SettingName } from "./settings.ts";

const HEAD = `# Configuration

Settings are environment variables. A variable that is empty counts as not set. A wrong value stops the process at
start with exit code 2 and one line that says the variable's name, what was given and what is allowed; secrets are
never printed.

This page is made from the schema (\`node scripts/configuration-docs.ts\`), and a test checks that it is up to date.
`;

/** The whole page as Markdown. */
export function configurationPage(): string {
  const names = Object.keys(SETTINGS) as SettingName[];
  const rows = names.map(
    (name) => `| ${[`\`${name}\``, fallbackOf(name), meaningOf(name), readersOf(name)].join(" | ")} |`,
  );
  return [HEAD, "| variable | default | meaning | read by |", "|---|---|---|---|", ...rows, ""].join("\n");
}

function fallbackOf(name: SettingName): string {
  // The only default that is another on every machine.
  if (name === "CONSUMER_ID") return "the host's name";
  const { fallback } = SETTINGS[name];
  return fallback === null ? "–" : `\`${fallback}\``;
}

function meaningOf(name: SettingName): string {
  const { meaning, allowed, secret } = SETTINGS[name];
  return `${meaning} Must be ${allowed.replaceAll("*", "\\*")}.${secret ? " Secret." : ""}`;
}

function readersOf(name: SettingName): string {
  const readers = Object.entries(PROCESSES).filter(([, schema]) => name in schema.shape);
  return readers.map(([process]) => `\`${process}\``).join(", ");
}
