/** What runbook and operating page tell a person to type, held against what there is. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { STAGES } from "../../lib/infra/stage.ts";
import { projectRoot } from "../support/project-root.ts";
import { runCommand } from "../support/run-command.ts";
import { builtStage } from "./support/built-app.ts";

const PAGES = ["docs/runbook.md", "docs/operating.md"];
const text = PAGES.map((page) => readFileSync(join(projectRoot, page), "utf8")).join("\n");

const matches = (form: RegExp): readonly string[] => [
  ...new Set(Array.from(text.matchAll(form), ([, found = ""]) => found)),
];

const built = builtStage(STAGES.production, { bastion: "true" });
const withValkey = builtStage({ ...STAGES.production, stream: { ...STAGES.production.stream, kind: "valkey" } });

/** By stack, since each of its templates takes seconds. */
const askedOutputs = [
  ...Map.groupBy(
    [
      ...text.matchAll(/output ([a-z]+) ([A-Z]\w+)/g),
      ...text.matchAll(
        /--stack-name standpipe-production-([a-z]+) --query "Stacks\[0\]\.Outputs\[\?OutputKey=='(\w+)'/g,
      ),
    ],
    ([, stack = ""]) => stack,
  ),
].map(([stack, asked]): [string, readonly string[]] => [stack, asked.map(([, , output = ""]) => output)]);

describe("the pages for who operates it", () => {
  it.each(matches(/npm run ops -- --stage production ([a-z-]+(?: (?:list|retry))?)/g))(
    "npm run ops … %s names a command",
    async (command) => {
      expect(await runCommand([...command.split(" "), "--help"])).toMatchObject({ code: 0 });
    },
  );

  it("tells options that the commands have", async () => {
    const told = Array.from(
      text.matchAll(/npm run ops -- --stage production ([a-z-]+(?: (?:list|retry))?)[^`\n]*?(--[a-z-]+)/g),
    );
    expect(told.length).toBeGreaterThan(2);
    for (const [, command = "", option = ""] of told) {
      expect((await runCommand([...command.split(" "), "--help"])).out).toContain(option);
    }
  });

  it("tells nothing that only some machines or some moments take", () => {
    // Of GNU alone; the wrong one beside a mapping that replays; refused in the accounts that would need it.
    expect(text.match(/date -u -d|EventSourceMappings\[0\]\.UUID|put-function-concurrency/g)).toBeNull();
  });

  it("makes the role of ECS before the first deployment, and says which zones there are", () => {
    const [before = "", after = ""] = text.split("4. `npx cdk deploy 'standpipe-production-*'`");
    expect(after).not.toBe("");
    expect(before).toContain("aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com || true");
    expect(before).toContain("aws ec2 describe-availability-zones");
  });

  it.each([
    "--enable-iam-database-authentication",
    "--max-allocated-storage",
    "--deletion-protection",
    "--db-subnet-group-name",
    "--vpc-security-group-ids",
    "--db-parameter-group-name",
    "--manage-master-user-password",
    "register-db-proxy-targets",
    ":dbuser:",
  ])("restores with %s, which a restore does not take over by itself", (part) => {
    const [, restore = ""] = /^## Restore$([^]*?)^## /m.exec(text) ?? [];
    expect(restore).toContain(part);
  });

  it("writes the commands of its blocks so that a shell reads them", () => {
    const blocks = Array.from(text.matchAll(/^```sh\n([^]*?)^```/gm), ([, block = ""]) => block);
    expect(blocks.length).toBeGreaterThan(4);
    for (const block of blocks) {
      expect(spawnSync("bash", ["-n"], { input: block, encoding: "utf8" })).toMatchObject({ status: 0, stderr: "" });
    }
  });

  it.each(askedOutputs)(
    "%s asks outputs that the stack has",
    (stack, outputs) => {
      const ofKinesis = built.template(stack);
      for (const output of outputs) {
        const template = output.startsWith("Valkey") ? withValkey.template(stack) : ofKinesis;
        template.hasOutput(output, {});
      }
    },
    120_000,
  );
});
