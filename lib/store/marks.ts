/** Marks of begun work, in the database (guarantee 9). */
import { setTimeout } from "node:timers/promises";
import type { Pool } from "pg";
import { int4Array, int8ArrayOfNumbers, readArray } from "./arrays.ts";
import type { WorkMarks, WorkUnit } from "./port.ts";
import { storeError } from "./postgres-errors.ts";
import { RAW_RESULT } from "./raw-result.ts";

/** Telling that we live takes no longer; milliseconds. A database that hangs must not hold up the end of a process. */
const RELEASE_LIMIT_MS = 1_000;

/** `me`: a UUID of this process' life. */
export function createMarks(pool: Pool, me: string): WorkMarks {
  return {
    async begin(units: readonly WorkUnit[], { single }: { readonly single: boolean }): Promise<readonly number[]> {
      const { rows } = await pool
        .query<{ deaths: string | null }>({
          text: "SELECT standpipe.begin_work($1::uuid, $2::int4[], $3::int4[], $4::int8[], $5::int8[], $6::bool) AS deaths",
          values: [me, ...columns(units), single],
          ...RAW_RESULT,
        })
        .catch((error: unknown) => {
          throw storeError(error);
        });
      return readArray(rows[0]?.deaths ?? null).map((element) => Number(element));
    },
    async release(units: readonly WorkUnit[]): Promise<void> {
      const released = pool
        .query("SELECT standpipe.release_work($1::uuid, $2::int4[], $3::int4[], $4::int8[], $5::int8[])", [
          me,
          ...columns(units),
        ])
        .catch(() => undefined);
      await Promise.race([released, setTimeout(RELEASE_LIMIT_MS, undefined, { ref: false })]);
    },
  };
}

function columns(units: readonly WorkUnit[]): Buffer[] {
  return [
    int4Array(units.map((unit) => unit.relayId)),
    int4Array(units.map((unit) => unit.lane)),
    int8ArrayOfNumbers(units.map((unit) => unit.firstSeq)),
    int8ArrayOfNumbers(units.map((unit) => unit.lastSeq)),
  ];
}
