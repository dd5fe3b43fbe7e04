/** What one environment variable is: text in, a typed value out, and what a person has to know about it. */
import { z } from "zod";

export interface Setting<Value> {
  /** Takes the variable's text (undefined: not set) and gives the value that the process works with. */
  readonly type: z.ZodType<Value, string | undefined>;
  /** Continues the sentence "must be …". */
  readonly allowed: string;
  /** The default as it would be written in the environment; null where there is none. */
  readonly fallback: string | null;
  readonly meaning: string;
  /** A secret's value is never printed. */
  readonly secret: boolean;
}

/** Reads text; returns undefined where it is not allowed. */
type Reading<Value> = (text: string) => Value | undefined;

interface SettingOptions<Value> {
  readonly allowed: string;
  readonly meaning: string;
  readonly secret?: boolean;
  readonly read: Reading<Value>;
}

/** A setting with a default, written as one would write it in the environment. */
export function setting<Value>(options: SettingOptions<Value> & { readonly fallback: string }): Setting<Value> {
  return {
    ...described(options, options.fallback),
    type: z.string().default(options.fallback).transform(checked(options.read)),
  };
}

/** A setting that may be absent: null then. */
export function optionalSetting<Value>(options: SettingOptions<Value>): Setting<Value | null> {
  const read = checked(options.read);
  return {
    ...described(options, null),
    type: z
      .string()
      .optional()
      .transform((text, context) => (text === undefined ? null : read(text, context))),
  };
}

function described(options: SettingOptions<unknown>, fallback: string | null): Omit<Setting<unknown>, "type"> {
  return { allowed: options.allowed, meaning: options.meaning, secret: options.secret ?? false, fallback };
}

function checked<Value>(read: Reading<Value>): (text: string, context: z.RefinementCtx) => Value {
  return (text, context) => {
    const value = read(text.trim());
    if (value === undefined) {
      context.addIssue({ code: "custom", message: "not allowed" });
      return z.NEVER;
    }
    return value;
  };
}

/** Whole numbers between two bounds, both included. */
export function wholeNumber(options: {
  readonly from: number;
  readonly to: number;
  readonly fallback: number;
  readonly meaning: string;
}): Setting<number> {
  return setting({
    allowed: `a whole number from ${options.from} to ${options.to}`,
    fallback: String(options.fallback),
    meaning: options.meaning,
    read: (text) => {
      const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
      return value >= options.from && value <= options.to ? value : undefined;
    },
  });
}

/** Text of a given form; every text where no form is given. */
export function matchingText(form: RegExp): Reading<string> {
  return (text) => (form.test(text) ? text : undefined);
}
