/** What a Redis stream needs in, the same with the password of its secret in the address out. */
import type { RedisSettings } from "../lib/config/redis-settings.ts";
import { errorLine } from "../lib/telemetry/log.ts";
import { isWrongUse } from "./exit-codes.ts";
import type { LongLivedProcess } from "./unified/process.ts";
import { retried } from "./unified/retry.ts";

/** Waits for a Secrets Manager that is away. Rejects with what a person has to mend, and with the reason of `signal`. */
export async function withRedisLogin(
  redis: RedisSettings,
  { surroundings, signal }: { readonly surroundings: LongLivedProcess; readonly signal: AbortSignal },
): Promise<RedisSettings> {
  const { secret } = redis;
  if (secret === null) return redis;
  const { telemetry, vitals } = surroundings;
  // Its client takes a quarter of a second to load, which nobody else has to pay for.
  const { redisAddress } = await import("../lib/credentials/redis-address.ts");
  const url = await retried(() => redisAddress({ address: redis.url, ...secret }), {
    signal,
    worthRetrying: (error) => !isWrongUse(error),
    onRetry(error, delayMs) {
      vitals.connectTrouble = errorLine(error);
      telemetry.log.warn("the password of Redis cannot be read; trying again until it can", {
        error: errorLine(error),
        retryInMs: delayMs,
      });
    },
  });
  return { ...redis, url };
}
