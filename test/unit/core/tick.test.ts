import { expect, it } from "vitest";
import { tickOf } from "../../../lib/core/tick.ts";

it("counts tenths of a second from 2033, down to whole ones", () => {
  expect(tickOf(Date.UTC(2033, 0, 1))).toBe(0);
  expect(tickOf(Date.UTC(2033, 0, 1) + 199)).toBe(1);
  expect(tickOf(Date.UTC(2033, 0, 1) - 1)).toBe(-1);
});

it("stays within an int4 when a clock is years off", () => {
  expect(tickOf(0)).toBe(-(2 ** 31));
  expect(tickOf(Date.UTC(2100, 0, 1))).toBe(2 ** 31 - 1);
});
