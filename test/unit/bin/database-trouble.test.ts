import { expect, test } from "vitest";
import { explainDatabaseError, explainWrongAddress, isDatabaseAway } from "../../../bin/database-trouble.ts";
import { ConfigurationError } from "../../../lib/config/configuration-error.ts";

const coded = (code: string): Error => Object.assign(new Error(`it said ${code}`), { code });

test.each([["ECONNREFUSED"], ["ENOTFOUND"], ["EAI_AGAIN"], ["ETIMEDOUT"], ["57P03"], ["53300"], ["08006"], ["40001"]])(
  "%s passes: try again",
  (code) => {
    expect(isDatabaseAway(coded(code))).toBe(true);
  },
);

test("so does a connection that ended without a code, and a host whose addresses all refuse", () => {
  expect(isDatabaseAway(new Error("Connection terminated unexpectedly"))).toBe(true);
  expect(isDatabaseAway(new AggregateError([coded("ECONNREFUSED")]))).toBe(true);
});

test.each([["28P01"], ["28000"], ["3D000"], ["42501"]])("%s is a wrong DATABASE_URL", (code) => {
  expect(isDatabaseAway(coded(code))).toBe(false);
  const explained = explainDatabaseError(coded(code));
  expect(explained).toBeInstanceOf(ConfigurationError);
  expect((explained as Error).message).toBe(`DATABASE_URL (not shown here): it said ${code}`);
});

test("a right that is missing for the user's own statement is not", () => {
  const denied = coded("42501");
  expect(explainWrongAddress(denied)).toBe(denied);
  expect(explainWrongAddress(coded("3D000"))).toBeInstanceOf(ConfigurationError);
});

test("a fault of ours is neither", () => {
  const fault = new TypeError("undefined is not a function");
  expect(isDatabaseAway(fault)).toBe(false);
  expect(explainDatabaseError(fault)).toBe(fault);
});
