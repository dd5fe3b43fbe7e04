/** Every alarm tells a person what is wrong, where that is explained and where to look; every explanation has its alarm. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Match } from "aws-cdk-lib/assertions";
import { describe, expect, it } from "vitest";
import { metricsOfAlarm, metricsOfDashboard } from "../../lib/infra/cost/watched-metrics.ts";
import { STAGES, type Stage } from "../../lib/infra/stage.ts";
import {
  CLOUDWATCH_METRICS,
  CLOUDWATCH_METRICS_OF_REDIS,
  CLOUDWATCH_METRICS_WITH_STANDBY,
} from "../../lib/telemetry/metrics.ts";
import { projectRoot } from "../support/project-root.ts";
import { builtStage } from "./support/built-app.ts";
import { VALKEY_STAGES, withValkey } from "./support/valkey-stages.ts";

interface Alarm {
  readonly AlarmName: string;
  readonly AlarmDescription: unknown;
  readonly AlarmActions: readonly { readonly Ref: string }[];
  readonly OKActions: readonly unknown[];
  readonly TreatMissingData: string;
  readonly Namespace: string;
  readonly MetricName: string;
  readonly Threshold: number;
  readonly Period: number;
  readonly EvaluationPeriods: number;
}

const withStandby: Stage = { ...STAGES.production, ingester: { ...STAGES.production.ingester, standby: true } };
const template = builtStage(STAGES.production).template("monitoring");
const alarms = Object.values(template.findResources("AWS::CloudWatch::Alarm")).map(
  ({ Properties }) => Properties as Alarm,
);
/** All that there can be: a stage with a standby has one more. */
const standbyTemplate = builtStage(withStandby).template("monitoring");
const standbyAlarms = Object.values(standbyTemplate.findResources("AWS::CloudWatch::Alarm")).map(
  ({ Properties }) => Properties as Alarm,
);
const valkeyTemplate = builtStage(VALKEY_STAGES.production).template("monitoring");
const valkeyAlarms = alarmsIn(valkeyTemplate);
const named = (id: string): Alarm | undefined => standbyAlarms.find((alarm) => idOf(alarm) === id);
const idOf = ({ AlarmName }: Alarm): string => AlarmName.replace("standpipe-production-", "");

function alarmsIn(from: typeof template): readonly Alarm[] {
  return Object.values(from.findResources("AWS::CloudWatch::Alarm")).map(({ Properties }) => Properties as Alarm);
}

const runbook = readFileSync(join(projectRoot, "docs/runbook.md"), "utf8");
const sections = new Map(
  runbook
    .split(/^## /m)
    .slice(1)
    .map((section) => [section.slice(0, section.indexOf("\n")), section] as const),
);
/** The sections that are not about one alarm. */
const GENERAL = ["Before anything else"];
const aboutAlarms = [...sections.keys()].filter((title) => !GENERAL.includes(title));

it("there are alarms for what a person must act on", () => {
  expect(alarms.map(idOf)).toEqual(
    expect.arrayContaining([
      "no-ingest",
      "ingest-lag",
      "lag-near-relay-window",
      "lag-near-retention",
      "iterator-age",
      "iterator-age-high",
      "failed-batches",
      "dead-letters",
      "throttled-puts",
      "lease-changes",
      "function-errors",
      "proxy-pinning",
      "proxy-borrow-latency",
      "database-cpu",
      "database-storage",
      "database-connections",
      "stale-rows",
    ]),
  );
});

describe("the runbook", () => {
  it("has a section for every alarm, and none for an alarm that there is not", () => {
    const ids = new Set([...standbyAlarms, ...valkeyAlarms].map(idOf));
    expect(aboutAlarms.toSorted()).toEqual([...ids].toSorted());
  });

  it.each(aboutAlarms)("%s: what it means, what to look at, what to do, with commands", (title) => {
    const section = sections.get(title) ?? "";
    expect(section).toMatch(/\*\*Means\.\*\*[^]*\*\*Look\.\*\*[^]*\*\*Do\.\*\*/);
    expect(section).toMatch(/`(npm run ops|aws|npx cdk) /);
  });
});

describe.each(["runbook.md", "operating.md"])("docs/%s", (page) => {
  const read = (name: string): string => readFileSync(join(projectRoot, "docs", name), "utf8");
  const anchors = (name: string): readonly string[] =>
    Array.from(read(name).matchAll(/^#+ (.+)$/gm), ([, title = ""]) =>
      title
        .toLowerCase()
        .replaceAll(/[^\w\- ]/g, "")
        .replaceAll(" ", "-"),
    );
  const links = Array.from(read(page).matchAll(/\]\(([\w./-]*\.md)?#([\w-]+)\)/g), ([, file = page, anchor = ""]) => [
    file,
    anchor,
  ]);

  it("links only to sections that there are", () => {
    expect(links.length).toBeGreaterThan(3);
    expect(links.filter(([file = "", anchor = ""]) => !anchors(file).includes(anchor))).toEqual([]);
  });
});

describe("every alarm", () => {
  it.each(
    [...alarms, ...valkeyAlarms.filter((alarm) => !alarms.map(idOf).includes(idOf(alarm)))].map(
      (alarm) => [idOf(alarm), alarm] as const,
    ),
  )("%s links its section and the dashboard", (id, alarm) => {
    const description = JSON.stringify(alarm.AlarmDescription);
    expect(description).toContain(`docs/runbook.md#${id}\\n`);
    expect(description).toContain("#dashboards/dashboard/standpipe-production-pipeline");
  });

  it("says what silence means", () => {
    expect(
      alarms.filter(({ TreatMissingData }) => TreatMissingData === undefined || TreatMissingData === "missing"),
    ).toEqual([]);
    const breaching = alarms.filter(({ TreatMissingData }) => TreatMissingData === "breaching").map(idOf);
    expect(breaching).toEqual(["no-ingest", "stale-rows"]);
    expect(
      alarms.filter(({ AlarmDescription }) => !/Missing data: \w.{15,}\./.test(JSON.stringify(AlarmDescription))),
    ).toEqual([]);
  });

  it("goes to the topic of its severity, and says when it is over", () => {
    const paging = alarms.filter(({ AlarmActions }) => AlarmActions[0]?.Ref.startsWith("Page")).map(idOf);
    expect(paging).toEqual([
      "no-ingest",
      "ingest-lag",
      "lag-near-relay-window",
      "iterator-age-high",
      "lag-near-retention",
      "failed-batches",
      "failed-deliveries",
      "stale-rows",
      "database-storage",
    ]);
    expect(alarms.filter(({ AlarmActions, OKActions }) => AlarmActions.length !== 1 || OKActions.length !== 1)).toEqual(
      [],
    );
  });

  it("may publish to its topic, whose own policy would keep it out otherwise", () => {
    template.resourcePropertiesCountIs(
      "AWS::SNS::TopicPolicy",
      {
        PolicyDocument: {
          Statement: Match.arrayWith([
            Match.objectLike({
              Effect: "Allow",
              Action: "sns:Publish",
              Principal: { Service: "cloudwatch.amazonaws.com" },
              Condition: { StringEquals: { "aws:SourceAccount": { Ref: "AWS::AccountId" } } },
            }),
          ]),
        },
      },
      2,
    );
  });
});

describe("an alarm", () => {
  it("of the database's room comes after RDS may have grown it, which it does from 10 % on", () => {
    for (const stage of [STAGES.production, STAGES.development]) {
      const own = builtStage(stage)
        .template("monitoring")
        .findResources("AWS::CloudWatch::Alarm", {
          Properties: { MetricName: "FreeStorageSpace" },
        });
      const [storage] = Object.values(own).map(({ Properties }) => Properties as Alarm);
      const part = (storage?.Threshold ?? 0) / (stage.database.allocatedGiB * 2 ** 30);
      expect(part).toBeGreaterThan(0.02);
      expect(part).toBeLessThanOrEqual(0.05);
      expect(storage?.EvaluationPeriods).toBeGreaterThan(5);
    }
  });

  it("stays on as long as a batch lies in the bucket, by what S3 counts once a day", () => {
    expect(named("failed-batches-left")).toMatchObject({
      Namespace: "AWS/S3",
      MetricName: "NumberOfObjects",
      Period: 86_400,
      Threshold: 0,
      ComparisonOperator: "GreaterThanThreshold",
    });
  });

  it("of dead letters is about a rate: some each day are usual", () => {
    expect(named("dead-letters")).toMatchObject({ Period: 3600, Threshold: 50 });
  });

  it("of credits leaves a new instance the time to earn them", () => {
    const { Period = 0, EvaluationPeriods = 0 } = named("database-credits") ?? {};
    // 24 an hour for a `t4g.small`.
    expect((Period * EvaluationPeriods) / 3600).toBeGreaterThanOrEqual(50 / 24);
  });

  it("of the standby is there where the stage has one, and takes its silence for its death", () => {
    expect(alarms.map(idOf)).not.toContain("no-standby");
    expect(named("no-standby")).toMatchObject({
      MetricName: "standby",
      ComparisonOperator: "LessThanThreshold",
      Threshold: 1,
      TreatMissingData: "breaching",
    });
  });

  it("links the runbook where the stage says that it is read, and -c runbook goes before", () => {
    const stage = { ...STAGES.production, runbook: "https://wiki.example.org/runbook.md" };
    const text = (context = {}) => JSON.stringify(builtStage(stage, context).template("monitoring").toJSON());
    expect(text()).toContain("Runbook: https://wiki.example.org/runbook.md#no-ingest");
    expect(text({ runbook: "https://other.example.org/r.md" })).toContain("https://other.example.org/r.md#no-ingest");
  });
});

describe("the metrics of ours", () => {
  const properties = (type: string) => Object.values(template.findResources(type)).map(({ Properties }) => Properties);
  const watched = [
    ...properties("AWS::CloudWatch::Alarm").flatMap(metricsOfAlarm),
    ...properties("AWS::CloudWatch::Dashboard").flatMap(metricsOfDashboard),
  ].filter(({ namespace }) => namespace === "Standpipe/production");

  it("that are looked at are those that CloudWatch gets, no more and no fewer: each is paid", () => {
    expect(new Set(watched.map(({ name }) => name))).toEqual(CLOUDWATCH_METRICS);
  });

  it("are one more with a standby", () => {
    const own = standbyAlarms.flatMap((alarm) => metricsOfAlarm({ ...alarm }));
    expect(own.map(({ name }) => name)).toContain("standby");
    expect(CLOUDWATCH_METRICS_WITH_STANDBY).toEqual(new Set([...CLOUDWATCH_METRICS, "standby"]));
  });

  it("have the dimensions that the processes write beside them", () => {
    expect([...new Set(watched.map(({ dimensions }) => dimensions.join(" ")))].toSorted()).toEqual([
      "command freshness",
      "command index-events",
      "command ingest stream standpipe-production-events",
    ]);
  });

  it("tell gaps of either side: before the stream, and in it", () => {
    const [gaps] = properties("AWS::CloudWatch::Alarm").filter(
      ({ AlarmName }) => AlarmName === "standpipe-production-gaps",
    );
    expect(metricsOfAlarm(gaps ?? {}).map(({ name, dimensions }) => [name, dimensions[1]])).toEqual([
      ["gaps_total", "ingest"],
      ["gaps_total", "index-events"],
    ]);
  });
});

describe("the dashboard", () => {
  const [dashboard] = Object.values(template.findResources("AWS::CloudWatch::Dashboard"));
  const graphs = graphsOf(dashboard?.Properties ?? {});
  const step = (x: number) => graphs.filter((graph) => graph.x === x).toSorted((a, b) => a.y - b.y);

  it("goes from the relay to the rows", () => {
    const text = JSON.stringify(dashboard?.Properties);
    const steps = ["relay →", "stream →", "function →", "## rows"].map((heading) => text.indexOf(heading));
    expect(steps.every((at, index) => at > 0 && at > (steps[index - 1] ?? 0))).toBe(true);
  });

  it.each([
    ["relay", 0, "received_events_total", "lag_seconds"],
    ["stream", 6, "put_records_total", "GetRecords.IteratorAgeMilliseconds"],
    ["function", 12, "Invocations", "IteratorAge"],
    ["rows", 18, "applied_events_total", "newest_row_age_seconds"],
  ])("shows of the %s how much goes through, below it how far it is behind", (_, x, rate, lag) => {
    const [above, below] = step(x);
    expect(above?.metrics).toContain(rate);
    expect(below?.metrics).toContain(lag);
  });
});

interface Graph {
  readonly x: number;
  readonly y: number;
  readonly metrics: readonly string[];
}

/** Widgets with metrics, and the names of these. */
function graphsOf(properties: Readonly<Record<string, unknown>>): readonly Graph[] {
  const { "Fn::Join": join } = properties["DashboardBody"] as {
    readonly "Fn::Join": readonly [string, readonly unknown[]];
  };
  const { widgets } = JSON.parse(join[1].map((part) => (typeof part === "string" ? part : "?")).join(join[0])) as {
    readonly widgets: readonly {
      readonly x: number;
      readonly y: number;
      readonly properties: { readonly metrics?: readonly (readonly string[])[] };
    }[];
  };
  return widgets.flatMap(({ x, y, properties: { metrics } }) =>
    metrics === undefined ? [] : [{ x, y, metrics: metrics.map(([, name = ""]) => name) }],
  );
}

it("the reduced stage has the alarms of what it has", () => {
  const reduced = builtStage(STAGES.localstack).template("monitoring").findResources("AWS::CloudWatch::Alarm");
  const names = Object.values(reduced).map(({ Properties }) => String(Properties.AlarmName));
  expect(names.filter((name) => /database|proxy/.test(name))).toEqual([]);
  expect(names).toContain("standpipe-localstack-no-ingest");
});

describe("with Valkey", () => {
  const ids = valkeyAlarms.map(idOf);
  const alarm = (id: string): Alarm | undefined => valkeyAlarms.find((each) => idOf(each) === id);
  const commandsOf = (from: typeof template): ReadonlyMap<string, ReadonlySet<string>> => {
    const of = (type: string) => Object.values(from.findResources(type)).map(({ Properties }) => Properties);
    const watched = [
      ...of("AWS::CloudWatch::Alarm").flatMap(metricsOfAlarm),
      ...of("AWS::CloudWatch::Dashboard").flatMap(metricsOfDashboard),
    ].filter(({ namespace }) => namespace === "Standpipe/production");
    const byCommand = Map.groupBy(watched, ({ dimensions }) => dimensions[1] ?? "");
    return new Map(Array.from(byCommand, ([command, metrics]) => [command, new Set(metrics.map(({ name }) => name))]));
  };

  it("there are alarms for what is unread, how old it is, memory and evictions, and none of Kinesis", () => {
    expect(ids).toEqual(
      expect.arrayContaining(["unread-age", "unread-age-high", "unread-backlog", "valkey-memory", "valkey-evictions"]),
    );
    const ofKinesis = ["iterator-age", "failed-batches", "failed-deliveries", "lag-near-retention", "lease-changes"];
    expect(ids.filter((id) => [...ofKinesis, "throttled-puts", "no-standby"].includes(id))).toEqual([]);
    // What does not hang on the stream is there as ever.
    expect(ids).toEqual(expect.arrayContaining(["no-ingest", "function-errors", "dead-letters", "stale-rows"]));
  });

  it("somebody is woken where rows stop coming or the stream fills up, also by a reader that is silent", () => {
    const paging = valkeyAlarms.filter(({ AlarmActions }) => AlarmActions[0]?.Ref.startsWith("Page")).map(idOf);
    expect(paging).toEqual([
      "no-ingest",
      "ingest-lag",
      "lag-near-relay-window",
      "unread-age-high",
      "unread-backlog",
      "valkey-memory",
      "valkey-evictions",
      "stale-rows",
      "database-storage",
    ]);
    const breaching = valkeyAlarms.filter(({ TreatMissingData }) => TreatMissingData === "breaching").map(idOf);
    expect(breaching).toEqual(["no-ingest", "unread-age", "unread-age-high", "stale-rows"]);
  });

  it("the backlog is what nobody has read, which is half of the room: an hour and more before the ingester waits", () => {
    const { MetricName, Threshold = 0 } = alarm("unread-backlog") ?? {};
    expect(MetricName).toBe("unread_entries");
    // Eight lanes, an entry a second each.
    expect(Threshold / 8).toBeGreaterThan(3600);
    expect(Threshold / 8).toBeLessThan(2 * 3600);
  });

  it("memory and evictions are those of the worst node, whichever is the primary", () => {
    const dimensions = (id: string) =>
      metricsOfAlarm({ ...alarm(id) }).map((metric) => [metric.name, ...metric.dimensions]);
    expect(dimensions("valkey-memory")).toEqual([
      ["DatabaseMemoryUsagePercentage", "CacheClusterId", "standpipe-production-events-001"],
      ["DatabaseMemoryUsagePercentage", "CacheClusterId", "standpipe-production-events-002"],
    ]);
    expect(dimensions("valkey-evictions")).toHaveLength(2);
    const single = alarmsIn(builtStage(withValkey(STAGES.production, { replicas: 0 })).template("monitoring"));
    expect(single.find((each) => idOf(each) === "valkey-memory")).toMatchObject({
      MetricName: "DatabaseMemoryUsagePercentage",
    });
  });

  it("each metric of ours that is looked at is written by its process, and no other is paid", () => {
    const commands = commandsOf(valkeyTemplate);
    expect(commands.get("ingest")).toEqual(CLOUDWATCH_METRICS_OF_REDIS.ingest);
    expect(commands.get("poll")).toEqual(CLOUDWATCH_METRICS_OF_REDIS.poll);
    expect([...commands.keys()].toSorted()).toEqual(["freshness", "index-events", "ingest", "poll"]);
    const inProcess = commandsOf(builtStage(VALKEY_STAGES["production in process"]).template("monitoring"));
    expect(inProcess.get("work")).toEqual(CLOUDWATCH_METRICS_OF_REDIS.work);
    expect([...inProcess.keys()].toSorted()).toEqual(["freshness", "ingest", "work"]);
  });

  it("the dashboard goes from the relay to the rows as well", () => {
    const [dashboard] = Object.values(valkeyTemplate.findResources("AWS::CloudWatch::Dashboard"));
    const graphs = graphsOf(dashboard?.Properties ?? {});
    const step = (x: number) => graphs.filter((graph) => graph.x === x).toSorted((a, b) => a.y - b.y);
    expect(step(6)[0]?.metrics).toContain("stream_entries_total");
    expect(step(12)[1]?.metrics).toEqual(["oldest_unhandled_seconds", "unread_entries"]);
    expect(step(18)[1]?.metrics).toContain("newest_row_age_seconds");
  });
});
