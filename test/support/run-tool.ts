// In: the name of an installed command and its arguments. Out: how it ended and what it printed.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { projectRoot } from "./project-root.ts";

export interface ToolResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command of `node_modules/.bin`, or else of the PATH, in `cwd`. A failing command is a result; one that cannot be started rejects. */
export function runTool(name: string, args: readonly string[], { cwd }: { readonly cwd: string }): Promise<ToolResult> {
  const bin = join(projectRoot, "node_modules", ".bin");
  const options = {
    cwd,
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, PATH: `${bin}:${process.env["PATH"]}`, NO_COLOR: "1" },
  };
  return new Promise((resolve, reject) => {
    execFile(name, [...args], options, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== "number") reject(new Error(`cannot run ${name}`, { cause: error }));
      else resolve({ exitCode: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    });
  });
}
