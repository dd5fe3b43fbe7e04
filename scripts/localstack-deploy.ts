/** `npm run localstack:deploy`: the reduced stage into a LocalStack, with `cdklocal`, and how to start the ingester beside it. */
import { spawnSync } from "node:child_process";
import { resourceName } from "../lib/infra/names.ts";
import { STAGES } from "../lib/infra/stage.ts";

const LOCALSTACK = process.env.LOCALSTACK_URL ?? "http://localhost.localstack.cloud:4566";
const { localstack: stage } = STAGES;

process.exitCode = (await isThere()) ? deploy() : 1;

async function isThere(): Promise<boolean> {
  try {
    return (await fetch(`${LOCALSTACK}/_localstack/health`)).ok;
  } catch {
    console.error(
      `no LocalStack at ${LOCALSTACK}: docker compose -f docker-compose.localstack.yml up --detach --wait, or set LOCALSTACK_URL`,
    );
    return false;
  }
}

function deploy(): number {
  const env = {
    ...process.env,
    AWS_ENDPOINT_URL: LOCALSTACK,
    AWS_ENDPOINT_URL_S3: s3Endpoint(new URL(LOCALSTACK)),
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
    AWS_REGION: process.env.AWS_REGION ?? "us-east-1",
  };
  const steps = [
    ["bootstrap"],
    ["deploy", resourceName(stage, "*"), "--require-approval", "never", "--outputs-file", "cdk.out/localstack.json"],
  ];
  for (const step of steps) {
    const { status, error } = spawnSync("cdklocal", [...step, "--context", `stage=${stage.name}`], {
      env,
      stdio: "inherit",
    });
    if (error !== undefined)
      console.error(`cdklocal did not start (${error.message}): run this with npm, after npm ci`);
    if (status !== 0) return status ?? 1;
  }
  console.log(
    "deployed: docs/operating.md says how to start the ingester on this machine, names are in cdk.out/localstack.json",
  );
  return 0;
}

/**
 * The CLI addresses buckets as hosts, `<bucket>.s3.…`, and LocalStack takes only those with `.s3.` in them. Names under `localhost` do not
 * resolve everywhere, and an address has none: LocalStack's own name leads to this machine (README of aws-cdk-local).
 */
function s3Endpoint({ protocol, hostname, port }: URL): string {
  const isHere = hostname === "localhost" || hostname === "127.0.0.1" || hostname === "[::1]";
  const host = `s3.${isHere ? "localhost.localstack.cloud" : hostname}`;
  return `${protocol}//${port === "" ? host : `${host}:${port}`}`;
}
