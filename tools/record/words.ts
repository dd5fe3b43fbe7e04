// In: a source of choices. Out: the texts and dates that accounts write, ordinary and odd.
import type { Random } from "./random.ts";

const WORDS: Readonly<Record<string, readonly string[]>> = {
  en: "the a of and rain river garden coffee train book morning cat sky little again never always seen wrote found today quiet bright".split(
    " ",
  ),
  de: "der die das und Regen Fluss Garten Kaffee Zug Buch Morgen Katze Himmel klein wieder nie immer gesehen Straße größer über".split(
    " ",
  ),
  pt: "o a de e chuva rio jardim café trem livro manhã gato céu pequeno outra vez nunca sempre ação coração".split(" "),
  ja: "雨 川 庭 珈琲 電車 本 朝 猫 空 小さい また いつも 見た 書いた 静か 今日".split(" "),
  ar: "مطر نهر حديقة قهوة قطار كتاب صباح قطة سماء صغير دائما اليوم هادئ".split(" "),
  ko: "비 강 정원 커피 기차 책 아침 고양이 하늘 작은 다시 항상 오늘".split(" "),
};

/** Emoji with joiners, skin tones and flags, right-to-left and bidi marks, combining marks, wide planes, controls. */
export const ODD_TEXTS = [
  "👩‍👩‍👧‍👦 family, 🏳️‍🌈 flag, 👍🏽 tone, 🇧🇷🇯🇵 regions, 1️⃣ keycap",
  "שלום עולם mixed with left-to-right, ‮reversed‬ and ⁧isolated⁩",
  "a\u0000b",
  "\u0000",
  "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘",
  "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𠜎𠜱 \u{10FFFF} \uFFFE \uFEFF",
  "line\nline\r\nline\ttab \u0001\u001f\u007f\u0085\u2028",
  "' OR 1=1; DROP TABLE posts; -- \\ \" {} %s $1 \\u0000 \\x00",
  "",
  " ",
];

/** Text forms of one createdAt that are met in the network, then the impossible ones. None is left to the PDS to check. */
export function oddDates(nowMs: number): readonly unknown[] {
  const iso = new Date(nowMs).toISOString();
  const second = iso.slice(0, 19);
  return [
    `${second}Z`,
    `${second}.1Z`,
    `${second}.123456Z`,
    `${second}.123456789Z`,
    `${second}.000Z`,
    `${second}+00:00`,
    `${second}.123+00:00`,
    `${second}.123456+00:00`,
    `${second}-00:00`,
    `${second}-03:00`,
    `${second}.5+05:30`,
    `${second}+14:00`,
    second,
    `${second}.123`,
    iso.replace("T", " "),
    iso.toLowerCase(),
    iso.slice(0, 10),
    "0000-01-01T00:00:00.000Z",
    "0001-01-01T00:00:00Z",
    "-0001-12-31T00:00:00.000Z",
    "9999-12-31T23:59:59.999Z",
    "+010000-01-01T00:00:00.000Z",
    "1970-01-01T00:00:00.000Z",
    "1969-12-31T23:59:59.999Z",
    "2016-12-31T23:59:60Z",
    "2026-02-30T00:00:00.000Z",
    "2026-11-21T24:00:00.000Z",
    "2026-13-01T00:00:00.000Z",
    "Sat, 21 Nov 2026 01:02:03 GMT",
    "yesterday",
    "",
    "infinity",
    "a\u0000b",
    String(Math.floor(nowMs / 1000)),
    nowMs,
    null,
    true,
    ["2026-11-21T00:00:00.000Z"],
  ];
}

/** One to thirty words of one language. */
export function sentence(random: Random): { text: string; language: string } {
  const language = random.pickByRank(Object.keys(WORDS), 1.3);
  const words = WORDS[language] ?? [];
  const count = 1 + Math.floor(random.next() ** 2 * 30);
  return { text: Array.from({ length: count }, () => random.pick(words)).join(" "), language };
}

/** A text of about so many bytes that says the same thing again and again: long in the database, short in the recording. */
export function longText(bytes: number): string {
  const line = "All the waters of the hill come down at once, and every floor has its own outlet. ";
  return line.repeat(Math.ceil(bytes / line.length)).slice(0, bytes);
}
