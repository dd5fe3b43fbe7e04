/** One set of servers for the scenarios of a file; each has a stream, a table, buckets and a database of its own. */
import { afterAll, beforeAll } from "vitest";
import { type AwsServers, startAwsServers } from "../support/aws-scene.ts";

export function sharedServers(): () => AwsServers {
  let servers: AwsServers | undefined;
  beforeAll(async () => {
    servers = await startAwsServers();
  });
  afterAll(() => servers?.[Symbol.asyncDispose]());
  return () => {
    if (servers === undefined) throw new Error("asked for before the tests began");
    return servers;
  };
}
