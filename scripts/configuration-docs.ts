/** Writes docs/configuration.md from the schema in lib/config. */
import { writeFileSync } from "node:fs";
import { configurationPage } from "../lib/config/documentation.ts";

writeFileSync(new URL("../docs/configuration.md", import.meta.url), configurationPage());
