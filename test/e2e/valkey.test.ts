/** The whole way with Valkey: relay, the ingester's process, Redis, pollers, the API of Lambda, the bundle that would be deployed, Postgres. */
import { Pool } from "pg";
import { expect, inject, test } from "vitest";
import { expectedCounts, storedCounts } from "../support/expected-counts.ts";
import { differences, valueDifferences } from "../support/expected-end.ts";
import { AWS_ENVIRONMENT } from "../support/kinesis-local.ts";
import { type DeployedFunction, deployFunction } from "../support/lambda/deployed-function.ts";
import { readDeployment } from "../support/lambda/deployment.ts";
import type { EndpointFault } from "../support/lambda/endpoint.ts";
import { asIndexer, BUCKET, createPollScene, type PollScene } from "../support/poll-scene.ts";
import { type RedisProcess, startRedisProcess, untilHandled } from "../support/redis-scene.ts";
import { describeWithRedis, type RedisServer, startRedis } from "../support/redis-server.ts";
import { LAST_SEQ, startRelay } from "../support/unified-process.ts";

interface Way extends AsyncDisposable {
  readonly server: RedisServer;
  readonly scene: PollScene;
  readonly fn: DeployedFunction;
  poll(consumer: string): RedisProcess;
  ingest(): RedisProcess;
}

/** Time-out and environment are the template's; names of other resources are given by it, and so is logging in with a token. */
async function startWay(how: { readonly speed: string; readonly preload?: readonly string[] }): Promise<Way> {
  await using starting = new AsyncDisposableStack();
  const server = starting.use(await startRedis());
  const { module, timeoutMs, environment } = readDeployment(inject("cdkOut"));
  const { DATABASE_AUTH: _token, ...asDeployed } = environment;
  let fn: DeployedFunction | undefined;
  // The scene makes the database, whose address the function gets.
  const scene = starting.use(
    await createPollScene({
      server,
      fn: {
        invoke: (event) => fn?.invoke(event) ?? Promise.resolve({ kind: "not-called", reason: "not deployed yet" }),
      },
      env: { INDEXER_TIMEOUT_SECONDS: String(timeoutMs / 1000) },
    }),
  );
  const address = asIndexer(scene.database.connectionString);
  const local = {
    ...AWS_ENVIRONMENT,
    DATABASE_URL: address,
    LARGE_PACKS_BUCKET: BUCKET,
    AWS_ENDPOINT_URL_S3: scene.s3.endpoint,
  };
  const deployed = starting.use(
    deployFunction({ module, timeoutMs, environment: { ...asDeployed, ...local }, preload: how.preload ?? [] }),
  );
  fn = deployed;
  const relay = starting.use(await startRelay("--speed", how.speed));
  const owned = starting.move();
  return {
    server,
    scene,
    fn: deployed,
    poll: (consumer) => startRedisProcess({ ...scene.env, RELAY_URL: relay.url, CONSUMER_ID: consumer }, "poll"),
    ingest: () => startRedisProcess({ ...scene.ingesterEnv, RELAY_URL: relay.url }, "ingest", "--from", "oldest"),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Records and their bytes, values, accounts, counters, gaps, marks and broken chains: whatever differs from an undisturbed run. */
async function faultsOf({ scene }: Way): Promise<readonly string[]> {
  const pool = new Pool({ connectionString: scene.database.connectionString, max: 1 });
  try {
    const [stored, expected] = [await storedCounts(pool), await expectedCounts()];
    const left = await pool.query<{ line: string }>(
      `SELECT 'gap: ' || detail AS line FROM gaps UNION ALL SELECT 'mark: ' || to_jsonb(m)::text FROM standpipe.mark AS m
       UNION ALL SELECT 'broken chain: ' || actor FROM standpipe.repo WHERE broken > 0`,
    );
    return [
      ...(await differences(pool)),
      ...(await valueDifferences(pool)),
      ...stored.filter((line) => !expected.includes(line)).map((line) => `counter stored: ${line}`),
      ...expected.filter((line) => !stored.includes(line)).map((line) => `counter expected: ${line}`),
      ...left.rows.map(({ line }) => line),
    ];
  } finally {
    await pool.end();
  }
}

async function endsWell(...processes: readonly RedisProcess[]): Promise<void> {
  for (const each of processes) expect(await each.kill("SIGTERM")).toEqual({ code: 0, signal: null });
}

describeWithRedis("with Valkey", () => {
  test("undisturbed: the network from the relay into Postgres by the deployed bundle, one call of a lane at a time", async () => {
    await using way = await startWay({ speed: "1000" });
    await using poller = way.poll("one");
    await using ingester = way.ingest();
    await ingester.until(({ cursor }) => cursor === LAST_SEQ);
    await untilHandled(way.server);
    await endsWell(ingester, poller);
    expect(await faultsOf(way)).toEqual([]);
    expect(way.scene.lambda.mostAtATime).toBe(1);
    expect(way.scene.lambda.calls.filter(({ ended }) => ended !== "answered")).toEqual([]);
  });

  test("calls that are throttled, fail and break, functions that are killed at work, and a poller that is killed and taken over", async () => {
    await using way = await startWay({ speed: "500" });
    const { lambda } = way.scene;
    const kinds: readonly EndpointFault[] = [
      { kind: "error", status: 429, type: "TooManyRequestsException" },
      { kind: "cut" },
      { kind: "function-error", type: "Sandbox.Timedout" },
      { kind: "cut-after" },
      { kind: "error", status: 500, type: "ServiceException" },
    ];
    lambda.decide = () => {
      const turn = lambda.calls.length / 5;
      return (Number.isInteger(turn) ? kinds[turn % kinds.length] : undefined) ?? { kind: "none" };
    };
    await using ingester = way.ingest();
    await using first = way.poll("one");
    await first.until(({ cursor }) => (cursor ?? 0) > 500);
    await using second = way.poll("two");
    await second.until(({ cursor }) => (cursor ?? 0) > 500);
    expect(way.fn.killWorking()).toBeGreaterThanOrEqual(0);
    await first.kill("SIGKILL");
    await ingester.until(({ cursor }) => cursor === LAST_SEQ);
    await untilHandled(way.server);
    await endsWell(ingester, second);
    // The calls of the one that was killed went on beside those of its successor: that is what the marks of lanes are for.
    expect(await faultsOf(way)).toEqual([]);
  });

  test("a poller that is frozen while another one takes over ends, and what it still had done is a repeat", async () => {
    await using way = await startWay({ speed: "500" });
    await using ingester = way.ingest();
    await using frozen = way.poll("one");
    await frozen.until(({ cursor }) => (cursor ?? 0) > 500);
    process.kill(frozen.pid, "SIGSTOP");
    await using second = way.poll("two");
    await second.until(({ cursor }) => (cursor ?? 0) > 500);
    process.kill(frozen.pid, "SIGCONT");
    expect(await frozen.exit).toEqual({ code: 1, signal: null });
    expect(frozen.stderr()).toMatch(/another worker has taken over/);
    await ingester.until(({ cursor }) => cursor === LAST_SEQ);
    await untilHandled(way.server);
    await endsWell(ingester, second);
    expect(await faultsOf(way)).toEqual([]);
  });
});
