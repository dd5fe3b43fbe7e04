/** Query option for results as text: arrays are read by `arrays.ts`, faster than by the client's general parser. */
import type { CustomTypesConfig } from "pg";

export const RAW_RESULT: { readonly types: CustomTypesConfig } = {
  types: { getTypeParser: () => (text: unknown) => text },
};
