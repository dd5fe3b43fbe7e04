/** The relay: how it cuts, hangs, repeats, refuses and sends what nobody can read. */
import type { ConnectTrouble, SendingTrouble } from "../faulty-relay.ts";
import { EVERY_MODE, type Fault } from "./fault.ts";

const SENDING: Readonly<Record<SendingTrouble, string>> = {
  cut: "the relay cuts",
  "cut-in-frame": "cut in the middle of a frame",
  silence: "silence with the socket open",
  drip: "a slow drip",
  repeat: "events sent again, seqs that go back",
  "too-slow": "cut for slowness",
  garbage: "a frame of garbage",
  oversize: "an oversize frame",
};

const CONNECTING: Readonly<Record<ConnectTrouble, string>> = {
  html: "HTML instead of a websocket",
  "429": "429 with Retry-After",
  "500": "502 of a gateway",
  redirect: "a redirect",
  "outdated-cursor": "a cursor older than the window",
};

export const RELAY_FAULTS: readonly Fault[] = [
  ...entries(SENDING).map(
    ([trouble, name]): Fault => ({
      name,
      modes: EVERY_MODE,
      strike({ relay }) {
        relay.disturb(trouble);
        return Promise.resolve();
      },
    }),
  ),
  ...entries(CONNECTING).map(
    ([trouble, name]): Fault => ({
      name,
      modes: EVERY_MODE,
      strike({ relay, allowed }) {
        if (trouble === "outdated-cursor") allowed.gaps.add("outdated-cursor");
        relay.disturbNext(trouble);
        return Promise.resolve();
      },
    }),
  ),
];

function entries<Key extends string>(record: Readonly<Record<Key, string>>): [Key, string][] {
  return Object.entries(record) as [Key, string][];
}
