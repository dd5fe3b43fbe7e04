/** Samples over time in, what their line rises out. */

export interface TimedValue {
  readonly atSeconds: number;
  readonly value: number;
}

/** Least squares: what the line rises from its first sample to its last. 0 for fewer than two. */
export function rise(samples: readonly TimedValue[]): number {
  if (samples.length < 2) return 0;
  const mean = (of: (sample: TimedValue) => number): number =>
    samples.reduce((sum, each) => sum + of(each), 0) / samples.length;
  const meanSeconds = mean(({ atSeconds }) => atSeconds);
  const meanValue = mean(({ value }) => value);
  const covariance = mean((each) => (each.atSeconds - meanSeconds) * (each.value - meanValue));
  const variance = mean(({ atSeconds }) => (atSeconds - meanSeconds) ** 2);
  const [first, last] = [samples[0]?.atSeconds ?? 0, samples.at(-1)?.atSeconds ?? 0];
  return (covariance / variance) * (last - first);
}
