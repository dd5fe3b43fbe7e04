import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { projectRoot } from "../../support/project-root.ts";

const pages = ["README.md", "CONTRIBUTING.md", ...globSync("docs/**/*.md", { cwd: projectRoot })];
const read = (page: string): string => readFileSync(join(projectRoot, page), "utf8");

it.each(pages)("%s names only files that there are", (page) => {
  const named = Array.from(read(page).matchAll(/`((?:bin|lib|scripts|test)\/[\w./-]*\w)`/g), ([, path = ""]) => path);
  // Rules of CONTRIBUTING.md and of the architecture speak of any folder x.
  const missing = named.filter((path) => !path.endsWith("/x") && !existsSync(join(projectRoot, path)));
  expect(missing).toEqual([]);
});

it.each(pages)("%s links to pages and headings that there are", (page) => {
  const links = Array.from(read(page).matchAll(/\]\(([^)#:]*)(?:#([^)]+))?\)/g), ([, path = "", heading]) => ({
    target: path === "" ? page : join(dirname(page), path),
    heading,
  }));
  const broken = links.filter(
    ({ target, heading }) =>
      !existsSync(join(projectRoot, target)) || (heading !== undefined && !anchorsOf(target).includes(heading)),
  );
  expect(broken).toEqual([]);
});

/** As GitHub makes them. */
function anchorsOf(page: string): readonly string[] {
  return Array.from(read(page).matchAll(/^#+ (.+)$/gm), ([, title = ""]) =>
    title
      .toLowerCase()
      .replaceAll(/[^\w -]/g, "")
      .replaceAll(" ", "-"),
  );
}
