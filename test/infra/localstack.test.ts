/** The compose file and the reduced stage belong together: names, ports and versions. Nothing here runs a container. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DATABASE_NAME, DATABASE_ROLES } from "../../lib/infra/names.ts";
import { STAGES } from "../../lib/infra/stage.ts";
import { projectRoot } from "../support/project-root.ts";
import { builtStage } from "./support/built-app.ts";

const FILE = "docker-compose.localstack.yml";
const compose = readFileSync(join(projectRoot, FILE), "utf8");
const reduced = builtStage(STAGES.localstack);
const templates = reduced.stacks.map((name) => reduced.template(name));

describe("the compose file", () => {
  it("pins the last image that needs no token, and takes a newer one by variable", () => {
    expect(compose).toContain("localstack/localstack:${LOCALSTACK_VERSION:-4.14.0}");
    expect(compose).toContain("LOCALSTACK_AUTH_TOKEN: ${LOCALSTACK_AUTH_TOKEN:-}");
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
