/** What is wrong with the content itself. Odd records are in the recording already: each slice has its share of them. */
import { EVERY_MODE, type Fault } from "./fault.ts";

export const CONTENT_FAULTS: readonly Fault[] = [
  {
    name: "a frame that nobody can ever read",
    modes: EVERY_MODE,
    isThereFromTheStart: true,
    strike({ relay, slice, random, allowed }) {
      const { seq } = slice.frames[random(slice.frames.length - 1)] ?? { seq: 0 };
      if (relay.poisonAfter.size > 0) return Promise.resolve();
      relay.poisonAfter.add(seq);
      allowed.letters.push("undecodable-frame");
      return Promise.resolve();
    },
  },
];
