import { describe, expect, test } from "vitest";
import { kinesisSettings } from "../../../lib/config/kinesis-settings.ts";
import { readSettings } from "../../../lib/config/read-settings.ts";

const GIVEN = { KINESIS_STREAM_NAME: "events", DYNAMODB_TABLE_NAME: "cursors", LARGE_PACKS_BUCKET: "my-packs" };

describe("the settings of a Kinesis stream", () => {
  test("are its names, with AWS itself where nothing else is said", () => {
    expect(kinesisSettings(readSettings("ingest", GIVEN))).toEqual({
      streamName: "events",
      tableName: "cursors",
      bucket: "my-packs",
      region: null,
      endpoints: { kinesis: null, dynamodb: null, s3: null },
      standby: false,
    });
    const local = {
      ...GIVEN,
      AWS_REGION: "eu-central-1",
      AWS_ENDPOINT_URL_S3: "http://127.0.0.1:4566",
      STANDBY: "TRUE",
    };
    expect(kinesisSettings(readSettings("ingest", local))).toMatchObject({
      region: "eu-central-1",
      endpoints: { s3: "http://127.0.0.1:4566" },
      standby: true,
    });
  });

  test.each(["KINESIS_STREAM_NAME", "DYNAMODB_TABLE_NAME", "LARGE_PACKS_BUCKET"])("say where %s is missing", (name) => {
    const settings = readSettings("ingest", { ...GIVEN, [name]: "" });
    expect(() => kinesisSettings(settings)).toThrow(new RegExp(`^${name} is not set: with Kinesis it must name the `));
  });

  test.each([
    ["STANDBY", "yes", "true or false"],
    ["AWS_REGION", "Frankfurt", "a region's name such as eu-central-1"],
    ["LARGE_PACKS_BUCKET", "s3://mine", "a bucket's name"],
    ["DYNAMODB_TABLE_NAME", "a b", "a table's name"],
    ["FLUSH_AFTER_MS", "1s", "a whole number from 0 to 60000"],
    ["EMF_NAMESPACE", "AWS/Mine", "a CloudWatch namespace"],
    ["AWS_ENDPOINT_URL_DYNAMODB", "localhost:8000", "an http:// or https:// address"],
  ])("%s=%s is refused", (name, given, allowed) => {
    expect(() => readSettings("ingest", { ...GIVEN, [name]: given })).toThrow(`${name}=${given}: must be ${allowed}`);
  });

  test.each(["us-east-1", "ap-southeast-2", "us-gov-west-1"])("%s is a region", (region) => {
    expect(readSettings("ingest", { AWS_REGION: region }).AWS_REGION).toBe(region);
  });
});
