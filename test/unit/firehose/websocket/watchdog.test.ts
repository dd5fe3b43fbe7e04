import { describe, expect, it } from "vitest";
import { type Verdict, Watchdog } from "../../../../lib/firehose/websocket/watchdog.ts";

const SETTINGS = { pingAfterMs: 20, pongTimeoutMs: 10, silenceLimitMs: 100, busyAfterMs: 50, watchIntervalMs: 1 };

/** Asks every millisecond from `fromMs` on, up to `toMs`, and says when a verdict other than fine came first. */
function firstVerdict(watchdog: Watchdog, fromMs: number, toMs: number): [Verdict, number] | null {
  for (let nowMs = fromMs; nowMs <= toMs; nowMs += 1) {
    const verdict = watchdog.judge(nowMs);
    if (verdict !== "fine") return [verdict, nowMs];
  }
  return null;
}

describe("watchdog", () => {
  it("pings once nothing was heard, and gives up once that is not answered", () => {
    const watchdog = new Watchdog(SETTINGS, { nowMs: 0, busy: false });
    expect(firstVerdict(watchdog, 1, 100)).toEqual(["ping", 20]);
    expect(firstVerdict(watchdog, 21, 100)).toEqual(["dead", 30]);
  });

  it("takes any sign of life for an answer", () => {
    const watchdog = new Watchdog(SETTINGS, { nowMs: 0, busy: false });
    firstVerdict(watchdog, 1, 20);
    expect(firstVerdict(watchdog, 21, 25)).toBeNull();
    watchdog.heard(25);
    expect(firstVerdict(watchdog, 26, 100)).toEqual(["ping", 45]);
  });

  it("does not blame the relay for a stall of our own", () => {
    const watchdog = new Watchdog(SETTINGS, { nowMs: 0, busy: false });
    firstVerdict(watchdog, 1, 20);
    expect(watchdog.judge(500)).toBe("fine");
    expect(firstVerdict(watchdog, 501, 600)).toEqual(["dead", 509]);
  });

  it("finds silence suspicious only of a relay that was busy", () => {
    const quiet = new Watchdog(SETTINGS, { nowMs: 0, busy: false });
    for (let nowMs = 1; nowMs < 300; nowMs += 1) {
      quiet.heard(nowMs);
      expect(quiet.judge(nowMs)).toBe("fine");
    }
    const busy = new Watchdog(SETTINGS, { nowMs: 0, busy: false });
    let silentAtMs = 0;
    for (let nowMs = 1; nowMs < 300 && silentAtMs === 0; nowMs += 1) {
      if (nowMs <= 60) busy.frame(nowMs);
      busy.heard(nowMs);
      if (busy.judge(nowMs) === "silent") silentAtMs = nowMs;
    }
    expect(busy.busy).toBe(true);
    expect(silentAtMs).toBe(160);
  });

  it("does not take the burst of a backlog for a busy relay", () => {
    const watchdog = new Watchdog(SETTINGS, { nowMs: 0, busy: false });
    for (let nowMs = 1; nowMs < 300; nowMs += 1) {
      if (nowMs < 30 || nowMs === 200) watchdog.frame(nowMs);
      watchdog.heard(nowMs);
      watchdog.judge(nowMs);
    }
    expect(watchdog.busy).toBe(false);
  });
});
