/** A LocalStack that somebody has started and deployed to, named by LOCALSTACK_URL: see `docs/operating.md`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "vitest";
import { resourceName } from "../../lib/infra/names.ts";
import { STAGES } from "../../lib/infra/stage.ts";
import { AWS_ENVIRONMENT } from "./kinesis-local.ts";
import { projectRoot } from "./project-root.ts";

const url = process.env["LOCALSTACK_URL"];
const DEPLOYED = "cdk.out/localstack.json";

/** The password is the compose file's. */
export const LOCALSTACK_POSTGRES_URL =
  process.env["LOCALSTACK_POSTGRES_URL"] ??
  "postgres://standpipe_owner:standpipe-on-this-machine@127.0.0.1:5432/standpipe";

/**
 * Like `describe`, with the address of LocalStack. Without one it is skipped, with the reason in its name: a container engine comes with no
 * install, so that STANDPIPE_REQUIRE_ALL asks for nothing here.
 */
export function describeOnLocalStack(name: string, tests: (endpoint: string) => void): void {
  if (url === undefined || url === "") {
    describe.skip(`${name} [skipped: LOCALSTACK_URL is not set, see docs/operating.md]`, () => {
      it("needs a LocalStack", () => undefined);
    });
    return;
  }
  Object.assign(process.env, AWS_ENVIRONMENT);
  describe(`${name} [${url}]`, () => tests(url.replace(/\/$/, "")));
}

/** What `npm run localstack:deploy` has written down: outputs by the name of their stack without the stage. */
export function deployedOutput(stack: string, output: string): string {
  const stacks = JSON.parse(readFileSync(join(projectRoot, DEPLOYED), "utf8")) as Readonly<
    Record<string, Readonly<Record<string, string>>>
  >;
  const value = stacks[resourceName(STAGES.localstack, stack)]?.[output];
  if (value === undefined) throw new Error(`${DEPLOYED} has no ${stack}.${output}: npm run localstack:deploy`);
  return value;
}
