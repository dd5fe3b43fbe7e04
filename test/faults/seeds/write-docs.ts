/** `node test/faults/seeds/write-docs.ts`: puts the tables of what seeds have found into docs/reliability.md. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../../support/project-root.ts";
import { readResults, resultTables } from "./count-results.ts";

const PAGE = join(projectRoot, "docs/reliability.md");
const MADE = /(?<=<!-- made: seeds -->\n)[^]*?(?=<!-- end -->)/;

const page = readFileSync(PAGE, "utf8");
writeFileSync(PAGE, page.replace(MADE, `\n${resultTables(readResults())}\n`));
