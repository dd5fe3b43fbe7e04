/** Keeps the JavaScript heap near what it holds. */
import { setFlagsFromString } from "node:v8";

/**
 * On a machine with memory to spare V8 lets its heap grow far beyond what lives in it, and keeps it. What a decoder leaves behind dies
 * at once: a young generation that does not grow (it would to 130 MB) and an old one that is collected after 30 % instead of 100 to 400 %
 * of growth serve as well. Measured at full speed: 400 MB resident without, 180 MB with, and no fewer events a second.
 * Works only before the heap has grown.
 */
export function boundHeap(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
  setFlagsFromString("--heap-growing-percent=30");
}
