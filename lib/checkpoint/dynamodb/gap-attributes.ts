/** A gap as an item of the cursor's table. */
import type { Gap } from "../../core/cursor.ts";
import type { Attributes } from "./item.ts";

/** Numbers and times that are not known are left out. */
export function gapAttributes(gap: Gap): Attributes {
  const numbers = {
    after_seq: gap.afterSeq,
    before_seq: gap.beforeSeq,
    from_time_ms: gap.fromTimeMs,
    to_time_ms: gap.toTimeMs,
  };
  const known = Object.entries(numbers).filter(([, value]) => value !== null);
  return {
    reason: { S: gap.reason },
    relay: { S: gap.relay },
    epoch: { N: String(gap.epoch) },
    detail: { S: gap.detail },
    ...Object.fromEntries(known.map(([name, value]) => [name, { N: String(value) }])),
  };
}
