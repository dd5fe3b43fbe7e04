/**
 * `node scripts/build.ts [FOLDER]` makes dist/ (or the folder), which `npm pack` ships, since Node runs no .ts under node_modules: dist/standpipe.js (the command), dist/main.js (the
 * program, with parts that single commands load) and the files that it reads beside itself. The command is a file of its own because Node links a module's imports before
 * it runs a line of it: in one bundle an older Node would stop at a missing export, or at syntax that it cannot parse, before the
 * check of its version could speak.
 */
import { chmod, cp, mkdir, readFile, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build } from "esbuild";

/** The oldest Node whose complaint is ours: it has to parse dist/standpipe.js. */
const GUARD_TARGET = "node14.8";
const PROGRAM_TARGET = "node24";

const root = fileURLToPath(new URL("../", import.meta.url));
const dist = resolve(process.argv[2] ?? join(root, "dist"));

const common: BuildOptions = {
  absWorkingDir: root,
  bundle: true,
  platform: "node",
  format: "esm",
  logLevel: "warning",
};

await rm(dist, { recursive: true, force: true });
await mkdir(dist, { recursive: true });
await Promise.all([
  buildCommand(),
  buildProgram(),
  cp(join(root, "lib/store/migrations"), join(dist, "migrations"), { recursive: true }),
  cp(join(root, "test/fixtures/network.spr"), join(dist, "network.spr")),
]);

async function buildCommand(): Promise<void> {
  await build({
    ...common,
    entryPoints: ["bin/standpipe.ts"],
    outfile: join(dist, "standpipe.js"),
    target: GUARD_TARGET,
    plugins: [
      {
        name: "the program stays outside",
        setup: (bundler) => {
          bundler.onResolve({ filter: /^\.\/main\.ts$/ }, () => ({ path: "./main.js", external: true }));
        },
      },
    ],
  });
  await chmod(join(dist, "standpipe.js"), 0o755);
}

async function buildProgram(): Promise<void> {
  const manifest = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { readonly version: string };
  await build({
    ...common,
    entryPoints: ["bin/main.ts"],
    outdir: dist,
    // What a command imports when it runs stays in files of its own: in one file the others would load its clients too.
    splitting: true,
    chunkNames: "part-[hash]",
    target: PROGRAM_TARGET,
    packages: "external",
    define: { STANDPIPE_VERSION: JSON.stringify(manifest.version) },
  });
}
