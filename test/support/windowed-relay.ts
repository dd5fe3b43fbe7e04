/** A relay that has a window of seconds, as a script. */
import { errorFrame, identityFrame, timeOfSeq } from "./event-frames.ts";
import type { RelayConnection, RelayScript } from "./scripted-relay.ts";

/** A relay with one event a second from `oldest` to `newest`, its seqs 1,000 apart, and something new ever and again. */
export function relayWith({ oldest, newest }: { oldest: number; newest: number }): RelayScript {
  return {
    onConnection: ({ cursor, socket }: RelayConnection) => {
      if (cursor !== null && cursor > newest * 1000) {
        socket.send(errorFrame("FutureCursor"));
        return socket.close();
      }
      const from = cursor === null ? newest : Math.max(oldest, Math.ceil(cursor / 1000));
      // No more than a window full at once: the other side may close after the first.
      for (let second = from; second <= Math.min(newest, from + 50); second += 1)
        socket.send(identityFrame(second * 1000, timeOfSeq(second)));
    },
  };
}
