/** The bundled recording behind a relay on loopback. */
import { join } from "node:path";
import { openRecordingFile } from "../../lib/firehose/recording/open-recording-file.ts";
import {
  type RelayServer,
  type ServeRecordingOptions,
  serveRecording,
} from "../../lib/firehose/relay/serve-recording.ts";
import { projectRoot } from "./project-root.ts";
import { silentLog } from "./silent-log.ts";

export interface ReplayRelay extends AsyncDisposable {
  readonly server: RelayServer;
  readonly url: string;
  readonly frames: number;
  readonly lastSeq: number;
}

export async function replayRecording(
  options: Pick<ServeRecordingOptions, "speed" | "loop" | "port"> = {},
): Promise<ReplayRelay> {
  const { recording, frameBlocks } = await openRecordingFile(join(projectRoot, "test/fixtures/network.spr"));
  const server = await serveRecording({ ...options, frameBlocks, log: silentLog });
  return {
    server,
    url: server.url,
    frames: recording.meta.frames,
    lastSeq: recording.meta.lastSeq,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
