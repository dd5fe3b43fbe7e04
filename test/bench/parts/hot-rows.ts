/** `hot-rows`: what it costs when half of all likes go to one post, whose counter every transaction then wants. */

import { openBenchDatabase, readNumber } from "../database.ts";
import { type Figure, median, type Part, summary } from "../figure.ts";
import { createConsumer } from "../load/drain.ts";
import { PackLoad } from "../load/packs.ts";
import { rounds } from "../rounds.ts";

const WRITERS = 4;
const SIZE = 500;
const HOT_SHARE = 0.5;
const BUDGET_PERCENT = 20;

export const hotRows: Part = {
  name: "hot-rows",
  about: `Half of all likes to one post against the same mix without it: ${WRITERS} writers, ${SIZE} events a batch, rounds one after the other.`,
  async run({ quick, log }) {
    const limits = { least: 3, most: quick ? 3 : 7, withinSeconds: quick ? 10 : 25 };
    const events = quick ? 5_000 : 30_000;
    await using database = await openBenchDatabase();
    const load = new PackLoad();
    const deadlocks = () =>
      readNumber(database.client, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()");
    const costs: number[] = [];
    const rates = { plain: [] as number[], hot: [] as number[] };
    {
      await using consumer = createConsumer(database.connectionString, WRITERS);
      const rate = async (hotShare: number): Promise<number> => {
        load.hotShare = hotShare;
        const packs = load.packs({ events, size: SIZE });
        const begin = performance.now();
        await consumer.drain(() => packs.shift());
        return (events / (performance.now() - begin)) * 1000;
      };
      await rate(HOT_SHARE);
      for (const round of rounds(limits)) {
        log(`round ${round + 1}`);
        // In turns first and second: the table grows, and what comes later has more of it.
        const isHotFirst = round % 2 === 0;
        const first = await rate(isHotFirst ? HOT_SHARE : 0);
        const second = await rate(isHotFirst ? 0 : HOT_SHARE);
        const [hot, plain] = isHotFirst ? [first, second] : [second, first];
        rates.hot.push(hot);
        rates.plain.push(plain);
        costs.push((1 - hot / plain) * 100);
      }
    }
    // The server's processes tell their counts as they end.
    return figures(costs, rates, await deadlocks());
  },
};

function figures(
  costs: readonly number[],
  rates: { readonly plain: readonly number[]; readonly hot: readonly number[] },
  deadlocks: number,
): Figure[] {
  return [
    {
      part: "hot-rows",
      name: "throughput lost",
      ...summary(costs),
      unit: "%",
      budget: { atMost: BUDGET_PERCENT },
      note: `${Math.round(median(rates.hot))} events/s against ${Math.round(median(rates.plain))}; below zero the hot mix was faster: a batch changes each counter once, and likes of one post bring no new subject, account or repost with them.`,
    },
    { part: "hot-rows", name: `deadlocks with ${WRITERS} writers`, value: deadlocks, unit: "", budget: { atMost: 0 } },
  ];
}
