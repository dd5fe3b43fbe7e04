/** A folder in, the failed batches that somebody has copied into it out. What is on the stream again gets another name. */
import { readdir, readFile, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { RedriveSourceError } from "./errors.ts";
import { type NamedBatch, oldestFirst } from "./oldest-first.ts";
import type { BatchSource } from "./port.ts";

/** Ends the names of files that are done: they are somebody's copies, and not ours to delete. */
export const SETTLED_SUFFIX = ".redriven";

/** Also in folders within it, as a copy of a bucket has them. `list` rejects with a RedriveSourceError where there is no such folder. */
export function createFolderSource({ folder }: { readonly folder: string }): BatchSource {
  return {
    async list() {
      return oldestFirst(await filesOf(folder));
    },
    read: (name) => readFile(name).catch(nullIfGone),
    settle: (name) => rename(name, `${name}${SETTLED_SUFFIX}`),
  };
}

async function filesOf(folder: string): Promise<readonly NamedBatch[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile() && !entry.name.endsWith(SETTLED_SUFFIX));
    return await Promise.all(
      files.map(async ({ parentPath, name }) => {
        const path = join(parentPath, name);
        return { name: path, writtenAtMs: (await stat(path)).mtimeMs };
      }),
    );
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new RedriveSourceError(
      `--from ${folder}: ${code === "ENOENT" || code === "ENOTDIR" ? "there is no such folder" : String(cause)}`,
      { cause },
    );
  }
}

function nullIfGone(error: NodeJS.ErrnoException): null {
  if (error.code === "ENOENT") return null;
  throw error;
}
