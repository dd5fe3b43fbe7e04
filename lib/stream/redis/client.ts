/** Address in, a connection to Redis or Valkey out that comes back by itself. */
import { Redis } from "ioredis";
import { REDIS_WAITS, type RedisWaits } from "./waits.ts";

export type RedisClient = Redis;

export interface RedisClientOptions {
  readonly url: string;
  /** As `CLIENT LIST` shows it. */
  readonly name: string;
  readonly waits?: RedisWaits;
  /** Told why the server is away, in one line, and null when it answers again. */
  readonly onTrouble?: (trouble: string | null) => void;
}

/**
 * Commands under way when the connection breaks are rejected, and whoever asked decides whether to ask again: the client resends nothing. A
 * server that has become a replica (READONLY) is left, so that its name is looked up anew.
 */
export function createRedisClient({ url, name, waits = REDIS_WAITS, onTrouble }: RedisClientOptions): RedisClient {
  const client = new Redis(url, {
    connectionName: name,
    lazyConnect: true,
    connectTimeout: waits.connectMs,
    // A blocking read waits for its own time first.
    commandTimeout: waits.answerMs + waits.blockMs,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    keepAlive: waits.answerMs,
    retryStrategy: (times) => Math.min(waits.longestReconnectMs, 50 * 2 ** Math.min(times, 10)),
    reconnectOnError: (error) => (error.message.startsWith("READONLY") ? 1 : false),
  });
  client.on("error", (error: Error) => onTrouble?.(error.message === "" ? error.name : error.message));
  client.on("ready", () => onTrouble?.(null));
  return client;
}
