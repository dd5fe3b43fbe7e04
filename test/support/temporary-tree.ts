// In: files by path. Out: a folder of its own that holds them, gone when the owner disposes of it.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

export interface TemporaryTree extends AsyncDisposable {
  /** Absolute path of the folder. */
  readonly root: string;
}

/** Writes `files` (content by path) into a new folder. */
export async function temporaryTree(files: Readonly<Record<string, string>>): Promise<TemporaryTree> {
  const root = await mkdtemp(join(tmpdir(), "standpipe-tree-"));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  return { root, [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }) };
}
