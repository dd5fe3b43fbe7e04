/** The compose file, the reduced stage and the script that deploys it belong together: names, ports and versions. Nothing here runs a container. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { DATABASE_NAME, DATABASE_ROLES } from "../../lib/infra/names.ts";
import { STAGES } from "../../lib/infra/stage.ts";
import { startProcess } from "../support/process.ts";
import { projectRoot } from "../support/project-root.ts";
import { builtStage } from "./support/built-app.ts";

const FILE = "docker-compose.localstack.yml";
const compose = readFileSync(join(projectRoot, FILE), "utf8");
const hasCompose = spawnSync("docker-compose", ["--version"]).status === 0;
const reduced = builtStage(STAGES.localstack);
const templates = reduced.stacks.map((name) => reduced.template(name));

describe("the compose file", () => {
  it("pins the last image that needs no token, and takes a newer one by variable", () => {
    expect(compose).toContain("localstack/localstack:${LOCALSTACK_VERSION:-4.14.0}");
    expect(compose).toContain("LOCALSTACK_AUTH_TOKEN: ${LOCALSTACK_AUTH_TOKEN:-}");
  });

  it("has a Postgres of the version that is deployed, and a Redis for the other stream", () => {
    const image = /image: postgres:([\d.]+)-/.exec(compose)?.[1];
    const deployed = builtStage(STAGES.production).template("database").findResources("AWS::RDS::DBInstance");
    expect([image]).toEqual(Object.values(deployed).map(({ Properties }) => String(Properties.EngineVersion)));
    expect(compose).toMatch(/^ {2}redis:\n {4}image: valkey\/valkey:/m);
  });

  it("opens its ports on this machine only", () => {
    const ports = Array.from(compose.matchAll(/^ {6}- (\S+:\d+:\d+)$/gm), ([, port]) => port);
    expect(ports).toEqual(["127.0.0.1:4566:4566", "127.0.0.1:5432:5432", "127.0.0.1:6379:6379"]);
  });

  it("passes docker-compose config", ({ skip }) => {
    skip(!hasCompose, "docker-compose is not installed");
    const { status, stdout, stderr } = spawnSync("docker-compose", ["--file", FILE, "config"], {
      cwd: projectRoot,
      encoding: "utf8",
      env: { PATH: process.env.PATH, LOCALSTACK_VERSION: "2026.6.1", LOCALSTACK_AUTH_TOKEN: "a-token" },
    });
    expect([status, status === 0 ? "" : stderr]).toEqual([0, ""]);
    expect(stdout).toContain("image: localstack/localstack:2026.6.1");
    expect(stdout).toContain("LOCALSTACK_AUTH_TOKEN: a-token");
  });

  it("has the Postgres that the functions look for", () => {
    expect(compose).toContain(`POSTGRES_USER: ${DATABASE_ROLES.owner}`);
    expect(compose).toContain(`POSTGRES_DB: ${DATABASE_NAME}`);
    const address = `postgres://${DATABASE_ROLES.owner}@postgres:5432/${DATABASE_NAME}?sslmode=disable`;
    expect(JSON.stringify(reduced.template("indexer").toJSON())).toContain(address);
  });

  it("makes the secret that the functions read", () => {
    const hook = readFileSync(join(projectRoot, "scripts/localstack-secret.sh"), "utf8");
    const name = JSON.stringify(reduced.template("indexer").toJSON()).match(/"DATABASE_SECRET_ARN":"([^"]+)"/)?.[1];
    expect(hook).toContain(`--name ${name} `);
  });
});

it("the reduced stage has only what LocalStack's free tier has", () => {
  // Custom::Trigger is a function of CDK's that calls another one.
  const free = ["CloudWatch", "DynamoDB", "Events", "IAM", "Kinesis", "Lambda", "Logs", "S3", "SNS", "Trigger"];
  const types = templates.flatMap((template) =>
    Object.values(template.toJSON().Resources as Record<string, { readonly Type: string }>).map(({ Type }) => Type),
  );
  expect(new Set(types.map((type) => type.split("::")[1]))).toEqual(new Set(free));
});

describe("npm run localstack:deploy", () => {
  const folder = mkdtempSync(join(tmpdir(), "standpipe-localstack-"));
  const asked = join(folder, "asked.jsonl");
  const health = createServer((request, response) =>
    response.writeHead(request.url === "/_localstack/health" ? 200 : 404).end("{}"),
  );
  let url: string;

  beforeAll(async () => {
    // Writes down what it was asked; fails where the test says so.
    const code = `const { appendFileSync } = require("node:fs"); const { AWS_ENDPOINT_URL: url, AWS_ENDPOINT_URL_S3: s3 } = process.env;
      appendFileSync(${JSON.stringify(asked)}, JSON.stringify({ args: process.argv.slice(2), url, s3 }) + "\\n");
      process.exitCode = process.argv[2] === process.env.FAILS ? 3 : 0;`;
    writeFileSync(join(folder, "cdklocal"), `#!${process.execPath}\n${code}`);
    chmodSync(join(folder, "cdklocal"), 0o755);
    await new Promise<void>((resolve) => health.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(health.address() as AddressInfo).port}`;
  });
  afterEach(() => rmSync(asked, { force: true }));
  afterAll(() => {
    health.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function deploy(environment: Readonly<Record<string, string>>) {
    const started = startProcess([], {
      script: join(projectRoot, "scripts/localstack-deploy.ts"),
      cwd: projectRoot,
      env: { PATH: `${folder}${delimiter}${process.env.PATH}`, LOCALSTACK_URL: url, ...environment },
    });
    return { exit: await started.exit, stderr: started.stderr() };
  }

  function asks(): readonly { readonly args: readonly string[]; readonly url: string; readonly s3: string }[] {
    const lines = readFileSync(asked, "utf8").trim().split("\n");
    return lines.map((line) => JSON.parse(line) as { args: readonly string[]; url: string; s3: string });
  }

  it("bootstraps and deploys the reduced stage alone, with buckets under a host that resolves", async () => {
    expect((await deploy({})).exit).toEqual({ code: 0, signal: null });
    const s3 = `http://s3.localhost.localstack.cloud:${new URL(url).port}`;
    const context = ["--context", "stage=localstack"];
    const options = ["--require-approval", "never", "--outputs-file", "cdk.out/localstack.json"];
    expect(asks()).toEqual([
      { args: ["bootstrap", ...context], url, s3 },
      { args: ["deploy", "standpipe-localstack-*", ...options, ...context], url, s3 },
    ]);
  });

  it("ends as cdklocal does where it fails, and goes no further", async () => {
    expect((await deploy({ FAILS: "bootstrap" })).exit).toEqual({ code: 3, signal: null });
    expect(asks()).toHaveLength(1);
  });

  it("says how to start a LocalStack where there is none", async () => {
    const { exit, stderr } = await deploy({ LOCALSTACK_URL: "http://127.0.0.1:1" });
    expect(exit.code).toBe(1);
    expect(stderr).toContain("no LocalStack at http://127.0.0.1:1: docker compose -f docker-compose.localstack.yml up");
  });
});
