/** The stages as `-c stream=valkey` makes them, and those that differ in who applies packs. */
import { STAGES, type Stage } from "../../../lib/infra/stage.ts";

export function withValkey(stage: Stage, valkey: Partial<Stage["valkey"]> = {}): Stage {
  return { ...stage, stream: { ...stage.stream, kind: "valkey" }, valkey: { ...stage.valkey, ...valkey } };
}

export const VALKEY_STAGES = {
  production: withValkey(STAGES.production),
  development: withValkey(STAGES.development),
  "production in process": withValkey(STAGES.production, { indexing: "in-process" }),
} as const satisfies Readonly<Record<string, Stage>>;
