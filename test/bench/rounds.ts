/** How often something is repeated: as often as fits, so that a slow machine measures less often instead of never ending. */

export interface RoundLimits {
  /** Rounds that are run however long they take. */
  readonly least: number;
  readonly most: number;
  readonly withinSeconds: number;
  /** Milliseconds, rising. */
  readonly now?: () => number;
}

/** 0, 1, 2 …: after the first `least`, as long as one more like those before still ends in time. */
export function* rounds({ least, most, withinSeconds, now = () => performance.now() }: RoundLimits): Generator<number> {
  const begin = now();
  for (let round = 0; round < most; round += 1) {
    const spent = (now() - begin) / 1000;
    if (round >= least && spent + spent / round > withinSeconds) return;
    yield round;
  }
}
