/** A Dockerfile in, the folder that its last stage would hold out, without an engine: its COPY lines are followed, its `npm ci` is done offline. */
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { IgnoreStrategy } from "aws-cdk-lib";

export interface ImageStage {
  readonly name: string;
  readonly from: string;
  readonly folder: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly user: string | null;
  readonly environment: Readonly<Record<string, string>>;
}

interface Instruction {
  readonly verb: string;
  readonly rest: string;
}

export interface FollowOptions {
  readonly dockerfile: string;
  /** The build context. */
  readonly context: string;
  /** Where the stages are made, a folder each. */
  readonly into: string;
}

/** @throws Error for an instruction that this cannot follow, so that a new one is not passed over. */
export function followDockerfile({ dockerfile, context, into }: FollowOptions): readonly ImageStage[] {
  const stages: ImageStage[] = [];
  for (const { verb, rest } of instructionsOf(readFileSync(dockerfile, "utf8"))) {
    if (verb === "FROM") {
      const [from = "", , name = "final"] = rest.split(/\s+/);
      stages.push({ name, from, folder: join(into, name), entrypoint: [], command: [], user: null, environment: {} });
      continue;
    }
    const stage = stages.at(-1);
    if (stage === undefined) throw new Error(`${verb} before the first FROM`);
    stages[stages.length - 1] = followed(stage, { verb, rest }, { context, stages });
  }
  return stages;
}

function followed(
  stage: ImageStage,
  { verb, rest }: Instruction,
  { context, stages }: { readonly context: string; readonly stages: readonly ImageStage[] },
): ImageStage {
  switch (verb) {
    case "WORKDIR":
      mkdirSync(join(stage.folder, rest), { recursive: true });
      return { ...stage, folder: join(stage.folder, rest) };
    case "COPY":
      copy(stage, rest, { context, stages });
      return stage;
    case "RUN":
      installOffline(stage, rest, context);
      return stage;
    case "ENV":
      return { ...stage, environment: { ...stage.environment, ...Object.fromEntries([rest.split("=")]) } };
    case "USER":
      return { ...stage, user: rest };
    case "ENTRYPOINT":
      return { ...stage, entrypoint: JSON.parse(rest) as readonly string[] };
    case "CMD":
      return { ...stage, command: JSON.parse(rest) as readonly string[] };
    default:
      throw new Error(`cannot follow ${verb} ${rest}`);
  }
}

function copy(
  stage: ImageStage,
  rest: string,
  options: { readonly context: string; readonly stages: readonly ImageStage[] },
): void {
  const words = rest.split(/\s+/);
  const from = words[0]?.match(/^--from=(.+)$/)?.[1];
  const [target = "", ...sources] = words.slice(from === undefined ? 0 : 1).reverse();
  for (const source of sources) {
    const into = target.endsWith("/") ? join(stage.folder, target, source) : join(stage.folder, target);
    if (from === undefined) copyFromContext(join(options.context, source), into, options.context);
    else {
      const other = options.stages.find(({ name }) => name === from);
      if (other === undefined) throw new Error(`COPY --from=${from}: no such stage`);
      // Paths in a stage begin at its root, and its folder is its WORKDIR.
      cpSync(join(other.folder, relative("/app", source)), into, { recursive: true, verbatimSymlinks: true });
    }
  }
}

/** An engine sends nothing that .dockerignore leaves out. */
function copyFromContext(source: string, into: string, context: string): void {
  if (!existsSync(source)) throw new Error(`COPY ${relative(context, source)}: not in the context`);
  const ignore = IgnoreStrategy.docker(
    context,
    readFileSync(join(context, ".dockerignore"), "utf8")
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#")),
  );
  mkdirSync(dirname(into), { recursive: true });
  cpSync(source, into, { recursive: true, filter: (path) => !ignore.ignores(path) || path === source });
}

/** `npm ci --omit=…` as a folder of links to what is installed, without what would be omitted. */
function installOffline(stage: ImageStage, command: string, context: string): void {
  if (!command.startsWith("npm ci ")) throw new Error(`cannot follow RUN ${command}`);
  const lock = JSON.parse(readFileSync(join(stage.folder, "package-lock.json"), "utf8")) as {
    readonly packages: Readonly<
      Record<string, { readonly dev?: boolean; readonly optional?: boolean; readonly devOptional?: boolean }>
    >;
  };
  const omitted = (kind: string): boolean => command.includes(`--omit=${kind}`);
  for (const [place, { dev, optional, devOptional }] of Object.entries(lock.packages)) {
    const nested = place.indexOf("/node_modules/") !== -1;
    const left =
      (dev === true && omitted("dev")) ||
      (optional === true && omitted("optional")) ||
      (devOptional === true && omitted("dev"));
    if (place === "" || nested || left || !existsSync(join(context, place))) continue;
    mkdirSync(dirname(join(stage.folder, place)), { recursive: true });
    symlinkSync(join(context, place), join(stage.folder, place));
  }
}

function instructionsOf(text: string): readonly Instruction[] {
  const lines = text
    .replaceAll("\\\n", " ")
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.startsWith("#"));
  return lines.map((line) => {
    const [verb = "", ...rest] = line.trim().split(/\s+/);
    return { verb, rest: rest.join(" ") };
  });
}
