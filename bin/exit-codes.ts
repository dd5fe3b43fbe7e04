/** Which errors are wrong use or configuration: a person has to change something, and running again does not help. */
import { CursorTableError, LeaseHeldError } from "../lib/checkpoint/dynamodb/errors.ts";
import { LanesChangedError } from "../lib/checkpoint/port.ts";
import { CursorKeyError } from "../lib/checkpoint/redis/errors.ts";
import { ConfigurationError } from "../lib/config/configuration-error.ts";
import { RecordingError } from "../lib/core/recording.ts";
import { CredentialsError } from "../lib/credentials/errors.ts";
import { InvalidRelayError } from "../lib/firehose/websocket/relay-address.ts";
import { RedriveSourceError } from "../lib/redrive/errors.ts";
import { DataDirectoryError, DataDirectoryInUseError, ForeignClusterError } from "../lib/store/embedded/errors.ts";
import { MigrationError } from "../lib/store/migration-files.ts";
import { KinesisStreamError } from "../lib/stream/kinesis/errors.ts";
import { RedisStreamError } from "../lib/stream/redis/errors.ts";

const WRONG_USE = [
  LanesChangedError,
  ConfigurationError,
  CredentialsError,
  CursorKeyError,
  CursorTableError,
  DataDirectoryError,
  DataDirectoryInUseError,
  ForeignClusterError,
  InvalidRelayError,
  KinesisStreamError,
  LeaseHeldError,
  RecordingError,
  RedriveSourceError,
  RedisStreamError,
] as const;

/** True for exit code 2; everything else that is thrown is 1. */
export function isWrongUse(error: unknown): boolean {
  // With a cause it is the database that failed; without one it is not as it has to be.
  if (error instanceof MigrationError) return error.cause === undefined;
  return WRONG_USE.some((kind) => error instanceof kind);
}
