/** How a task's orchestrator asks whether its process gets on. */
import { Duration } from "aws-cdk-lib";
import type * as ecs from "aws-cdk-lib/aws-ecs";

/** Of the four HTTP paths of a process. */
export const HTTP_PORT = 8080;

/** 503 means that the process itself stands still; a relay or stream that is away is no reason to start it anew. */
export function progressCheck(): ecs.HealthCheck {
  const ask = `fetch("http://127.0.0.1:${HTTP_PORT}/health").then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))`;
  return {
    command: ["CMD", "node", "--eval", ask],
    interval: Duration.seconds(30),
    timeout: Duration.seconds(10),
    retries: 3,
    startPeriod: Duration.seconds(60),
  };
}
