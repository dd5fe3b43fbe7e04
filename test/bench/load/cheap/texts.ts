/** A number in, a text that nobody wrote out: words of a made-up vocabulary, the frequent ones often, as in any language. */
import { mix, Random } from "./random.ts";

export interface Text {
  readonly text: string;
  readonly language: string;
}

const WORDS = 4096;
const LATIN = vocabulary("bcdfghklmnprstvw".split(""), "aeiou".split(""));
const KANA = vocabulary("かきくけこさしすせそたちつてと".split(""), "あいうえおんるのは".split(""));
const KANA_SHARE = 0.2;
/** Characters: e^4.25 is 70, and a text ends at 300. */
const LOG_LENGTH = { mean: 4.25, deviation: 0.8 } as const;
const MAX_CHARS = 300;

export function textOf(seed: number): Text {
  const random = new Random(seed);
  const isKana = random.unit() < KANA_SHARE;
  const words = isKana ? KANA : LATIN;
  const length =
    Math.min(MAX_CHARS, Math.exp(LOG_LENGTH.mean + LOG_LENGTH.deviation * random.normal())) / (isKana ? 2 : 1);
  let text = "";
  while (text.length < length) {
    // Cubed: the first hundred of 4,096 words make up 29 % of a text.
    const word = words[Math.floor(WORDS * random.unit() ** 3)] ?? "";
    text += isKana || text === "" ? word : ` ${word}`;
  }
  return { text: text.slice(0, MAX_CHARS), language: isKana ? "ja" : "en" };
}

/** One to four syllables a word. */
function vocabulary(heads: readonly string[], tails: readonly string[]): readonly string[] {
  return Array.from({ length: WORDS }, (_, index) => {
    const random = new Random(mix(index + heads.length));
    const syllables = Array.from(
      { length: 1 + Math.floor(4 * random.unit() ** 2) },
      () => `${heads[random.below(heads.length)]}${tails[random.below(tails.length)]}`,
    );
    return syllables.join("");
  });
}
