/** Marks of begun work, in the database (guarantee 9). */
import type { Pool } from "pg";
import { int4Array, int8ArrayOfNumbers, readArray } from "./arrays.ts";
import type { WorkMarks, WorkUnit } from "./port.ts";
import { storeError } from "./postgres-errors.ts";
import { RAW_RESULT } from "./raw-result.ts";

/** `me`: a UUID of this process' life. */
export function createMarks(pool: Pool, me: string): WorkMarks {
  return {
    async begin(units: readonly WorkUnit[], { single }: { readonly single: boolean }): Promise<readonly number[]> {
      const { rows } = await pool
        .query<{ deaths: string | null }>({
          text: "SELECT standpipe.begin_work($1::uuid, $2::int4[], $3::int4[], $4::int8[], $5::int8[], $6::bool) AS deaths",
          values: [
            me,
            int4Array(units.map((unit) => unit.relayId)),
            int4Array(units.map((unit) => unit.lane)),
            int8ArrayOfNumbers(units.map((unit) => unit.firstSeq)),
            int8ArrayOfNumbers(units.map((unit) => unit.lastSeq)),
            single,
          ],
          ...RAW_RESULT,
        })
        .catch((error: unknown) => {
          throw storeError(error);
        });
      return readArray(rows[0]?.deaths ?? null).map((element) => Number(element));
    },
    async release(): Promise<void> {
      await pool.query("SELECT standpipe.release_work($1::uuid)", [me]).catch(() => undefined);
    },
  };
}
