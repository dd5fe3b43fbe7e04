/** Texts with the entropy of real ones: words of a large vocabulary by Zipf's law, in several scripts. */
import { lengthOf, type Random, Ranks } from "./choice.ts";

/** A post may have 300 graphemes (lexicon of app.bsky.feed.post). */
const MAX_POST_CHARS = 300;
const VOCABULARY_WORDS = 8_000;
const SYLLABLES =
  "a an ar be ca ce co da de di do e ed el en er es fa fi for ga ge go ha he hi ho in ing is ka ke ki la le li lo ly ma me mi mo na ne ni no o of on or pa pe pi po ra re ri ro sa se sh si so st ta te th ti to tion tu un ur va ve vi wa we wi y ya".split(
    " ",
  );
/** Hiragana, and the plain of unified ideographs: a character of Japanese has far more choices than one of English. */
const HIRAGANA = { first: 0x3042, count: 80 } as const;
const KANJI = { first: 0x4e00, count: 2_000 } as const;
const EMOJI = ["😂", "🥹", "✨", "🔥", "💙", "🫶", "🙏", "👀", "🎉", "🦋", "🏳️‍🌈", "👩‍👩‍👧‍👦", "🐈‍⬛", "🇧🇷"] as const;

const LANGUAGES = { en: 52, ja: 18, pt: 13, de: 6, es: 6, fr: 3, ko: 2 } as const;
export type Language = keyof typeof LANGUAGES;

export interface Text {
  readonly text: string;
  readonly language: Language;
}

/** Writes texts; its vocabulary comes out of the random source that it is made with. */
export class Writer {
  readonly #words: readonly string[];
  readonly #ranks = new Ranks({ size: VOCABULARY_WORDS, exponent: 1 });

  constructor(random: Random) {
    this.#words = Array.from({ length: VOCABULARY_WORDS }, (_, rank) => word(random, rank));
  }

  /** A post's text: half of them below 70 characters, some up to the limit. */
  post(random: Random): Text {
    return this.text(random, lengthOf(random, { median: 70, sigma: 0.95, atMost: MAX_POST_CHARS }));
  }

  /** A text of about so many characters. */
  text(random: Random, chars: number): Text {
    const language = random.weighted(LANGUAGES);
    const isWide = language === "ja" || language === "ko";
    const text = isWide ? wideText(random, Math.ceil(chars / 2)) : this.#sentences(random, chars);
    return { text: random.chance(0.15) ? `${text} ${random.pick(EMOJI)}` : text, language };
  }

  /** One word, lower case: for names and tags. */
  word(random: Random): string {
    return this.#words[this.#ranks.pick(random)] ?? "";
  }

  #sentences(random: Random, chars: number): string {
    let text = "";
    let isStart = true;
    while (text.length < chars) {
      const next = this.word(random);
      text += (text === "" ? "" : " ") + (isStart ? capitalised(next) : next);
      isStart = random.chance(0.1);
      if (isStart) text += random.pick([".", ".", ".", "!", "?", ",\n"]);
    }
    return text.slice(0, MAX_POST_CHARS);
  }
}

/** Frequent words are short, as in every language. */
function word(random: Random, rank: number): string {
  const syllables = 1 + random.below(rank < 100 ? 2 : rank < 1_000 ? 3 : 4);
  return Array.from({ length: syllables }, () => random.pick(SYLLABLES)).join("");
}

function capitalised(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function wideText(random: Random, chars: number): string {
  let text = "";
  for (let index = 0; index < chars; index += 1) {
    const plane = random.chance(0.6) ? HIRAGANA : KANJI;
    text += random.chance(0.06) ? "。" : String.fromCharCode(plane.first + random.below(plane.count));
  }
  return text;
}
