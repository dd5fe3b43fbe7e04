/** The compose files: their processes, with their commands and variables as they stand there, on a real Redis and Postgres. No container is run. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { describe, expect, it, test } from "vitest";
import { parse } from "yaml";
import { createTestDatabase } from "../support/database.ts";
import { differences } from "../support/expected-end.ts";
import { projectRoot } from "../support/project-root.ts";
import { startRedisProcess, untilHandled } from "../support/redis-scene.ts";
import { describeWithRedis, startRedis } from "../support/redis-server.ts";
import { LAST_SEQ, startRelay } from "../support/unified-process.ts";

interface Service {
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly healthcheck?: unknown;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

/** With every variable at its default, as `docker compose config` would show it. */
function servicesOf(file: string): Readonly<Record<string, Service>> {
  const parsed = parse(readFileSync(join(projectRoot, file), "utf8"), { merge: true }) as unknown;
  const interpolated = JSON.stringify(parsed).replaceAll(/\$\{\w+:-([^}]*)\}/g, "$1");
  return (JSON.parse(interpolated) as { readonly services: Record<string, Service> }).services;
}

/** The variables of a service, where `others` stand for what is another place here. */
function environmentOf(service: Service | undefined, others: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(service?.environment ?? {}).map(([name, value]) => [name, String(value)]);
  return { ...Object.fromEntries(entries), ...others, HTTP_HOST: "127.0.0.1", PORT: "0" };
}

/** Of `node bin/standpipe.ts …`, which the image starts. */
function argumentsOf(service: Service | undefined): readonly string[] {
  const [script, ...args] = service?.command ?? [];
  expect(script).toBe("bin/standpipe.ts");
  return args;
}

describe.each(["docker-compose.yml", "docker-compose.unified.yml"])("%s", (file) => {
  const services = Object.entries(servicesOf(file));

  it("checks the health of every service, and waits for that of those that others need", () => {
    expect(services.filter(([, { healthcheck }]) => healthcheck === undefined)).toEqual([]);
    const conditions = services.flatMap(([, { depends_on = {} }]) => Object.values(depends_on));
    expect(new Set(conditions.map(({ condition }) => condition))).toEqual(new Set(["service_healthy"]));
  });
});

test("Redis logs its writes, and evicts nothing", () => {
  expect(servicesOf("docker-compose.yml")["redis"]?.command?.join(" ")).toMatch(
    /--appendonly yes .*--maxmemory-policy noeviction/,
  );
});

describeWithRedis("the services of docker-compose.yml", () => {
  test("bring a network into Postgres", async () => {
    await using server = await startRedis({ appendOnly: "everysec" });
    await using database = await createTestDatabase();
    await using relay = await startRelay("--speed", "max");
    const { ingester, worker } = servicesOf("docker-compose.yml");
    const here = { REDIS_URL: server.url, DATABASE_URL: database.connectionString, RELAY_URL: relay.url };
    await using working = startRedisProcess(environmentOf(worker, here), ...argumentsOf(worker));
    // From the first event on, where the file says live.
    const args = argumentsOf(ingester).map((argument) => (argument === "live" ? "oldest" : argument));
    await using ingesting = startRedisProcess(environmentOf(ingester, here), ...args);
    await ingesting.until(({ cursor }) => cursor === LAST_SEQ);
    await untilHandled(server);
    for (const each of [ingesting, working]) expect(await each.kill("SIGTERM")).toEqual({ code: 0, signal: null });
    const pool = new pg.Pool({ connectionString: database.connectionString, max: 1 });
    expect(await differences(pool)).toEqual([]);
    await pool.end();
  });
});

describe("the service of docker-compose.unified.yml", () => {
  test("brings a network into Postgres", async () => {
    await using database = await createTestDatabase();
    await using relay = await startRelay("--speed", "max");
    const { standpipe } = servicesOf("docker-compose.unified.yml");
    const here = { DATABASE_URL: database.connectionString, RELAY_URL: relay.url };
    await using running = startRedisProcess(environmentOf(standpipe, here), ...argumentsOf(standpipe));
    await running.until(({ receivedSeq, connected }) => connected && receivedSeq !== undefined);
    expect((await running.ask("/health"))?.code).toBe(200);
    expect(await running.kill("SIGTERM")).toEqual({ code: 0, signal: null });
  });
});
