/** LocalStack itself, and what our parts make of its answers: the shared suites, which are run against other servers elsewhere. */
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { expect, it } from "vitest";
import { createSecretCredentials, createSecretsClient } from "../../lib/credentials/managed-secret.ts";
import { DATABASE_ROLES, resourceName } from "../../lib/infra/names.ts";
import { STAGES } from "../../lib/infra/stage.ts";
import { describeCheckpointContract } from "../contract/checkpoint-contract.ts";
import { createDynamoUnderTest } from "../contract/dynamo-under-test.ts";
import { createKinesisUnderTest } from "../contract/kinesis-under-test.ts";
import { describeStreamContract } from "../contract/stream-contract.ts";
import { kinesisAt } from "../support/kinesis-local.ts";
import { describeOnLocalStack } from "../support/localstack.ts";

const SERVICES = ["cloudformation", "cloudwatch", "dynamodb", "kinesis", "lambda", "s3", "secretsmanager", "sns"];

describeOnLocalStack("LocalStack", (endpoint) => {
  it("has every service of the reduced stage", async () => {
    const response = await fetch(`${endpoint}/_localstack/health`);
    const { services } = (await response.json()) as { readonly services: Readonly<Record<string, string>> };
    expect(SERVICES.filter((name) => !/^(available|running)$/.test(services[name] ?? ""))).toEqual([]);
  });

  it("gives the database's login to whoever asks for the secret of the compose file", async () => {
    const client = createSecretsClient({ region: null, endpoint });
    const secretId = resourceName(STAGES.localstack, "database");
    const login = await createSecretCredentials({ client, secretId, setting: "DATABASE_SECRET_ARN" }).login();
    expect(login.user).toBe(DATABASE_ROLES.owner);
    expect(login.password).not.toBe("");
  });

  describeStreamContract({
    name: "the Kinesis stream of LocalStack",
    appendResolvesWhen: "stored",
    create: () => createKinesisUnderTest(kinesisAt(endpoint)),
    schedules: 3,
  });

  describeCheckpointContract({
    name: "the cursor in LocalStack's DynamoDB",
    create: () => createDynamoUnderTest(new DynamoDBClient({ endpoint })),
  });
});
