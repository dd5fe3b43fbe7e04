/** Properties of an `AWS::Lambda::EventSourceMapping` as a template has them in, the settings of the mapping beside it out. */

export interface MappingSettings {
  /** Records of one call at the most. */
  readonly batchSize: number;
  /** Zero: a call as soon as there is a record. */
  readonly batchingWindowMs: number;
  /** Calls of one shard at a time. */
  readonly parallelizationFactor: number;
  readonly bisectBatchOnFunctionError: boolean;
  readonly reportBatchItemFailures: boolean;
  /** -1: without limit. */
  readonly maximumRetryAttempts: number;
  /** Null: none but the stream's own. */
  readonly maximumRecordAgeMs: number | null;
}

/**
 * Names and defaults: "Lambda parameters for Amazon Kinesis Data Streams event source mappings", developer guide of AWS Lambda. All of
 * them begin at the stream's beginning here: a mapping lives as long as its test.
 *
 * @throws where the template asks for something that is not done here: a test must not pass for want of it.
 */
export function readMappingSettings(properties: Readonly<Record<string, unknown>>): MappingSettings {
  const {
    BatchSize = 100,
    MaximumBatchingWindowInSeconds = 0,
    ParallelizationFactor = 1,
    BisectBatchOnFunctionError = false,
    FunctionResponseTypes = [],
    MaximumRetryAttempts = -1,
    MaximumRecordAgeInSeconds = -1,
    StartingPosition,
    ...others
  } = properties as Partial<Record<string, unknown>> & { readonly FunctionResponseTypes?: readonly string[] };
  const unknown = Object.keys(others).filter((name) => !DONE_ELSEWHERE.has(name));
  if (unknown.length > 0) throw new Error(`the event source mapping does not do ${unknown.join(", ")}`);
  if (StartingPosition !== "TRIM_HORIZON")
    throw new Error(`the event source mapping does not begin at ${JSON.stringify(StartingPosition)}`);
  const maximumAgeSeconds = wholeNumber(MaximumRecordAgeInSeconds);
  return {
    batchSize: wholeNumber(BatchSize),
    batchingWindowMs: wholeNumber(MaximumBatchingWindowInSeconds) * 1000,
    parallelizationFactor: wholeNumber(ParallelizationFactor),
    bisectBatchOnFunctionError: BisectBatchOnFunctionError === true,
    reportBatchItemFailures: FunctionResponseTypes.includes("ReportBatchItemFailures"),
    maximumRetryAttempts: wholeNumber(MaximumRetryAttempts),
    maximumRecordAgeMs: maximumAgeSeconds === -1 ? null : maximumAgeSeconds * 1000,
  };
}

/** Source, function and destination are handed over as parts; the metrics are CloudWatch's, and tags change nothing. */
const DONE_ELSEWHERE = new Set(["EventSourceArn", "FunctionName", "DestinationConfig", "MetricsConfig", "Tags"]);

function wholeNumber(value: unknown): number {
  if (typeof value !== "number" || !Number.isInteger(value))
    throw new Error(`${JSON.stringify(value)} is no whole number`);
  return value;
}
