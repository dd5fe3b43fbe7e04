/** An HTTP answer where a websocket was asked for → one line for a person, and how long to wait. Pure. */

export interface HttpAnswer {
  readonly status: number;
  readonly statusText: string;
  readonly contentType: string;
  readonly retryAfter: string | null;
  /** The beginning of the body. */
  readonly body: string;
}

const SHOWN_CHARACTERS = 120;

/** `HTTP 502 Bad Gateway: an HTML page, "Bad gateway"`; never more than one line, no markup. */
export function describeHttpAnswer(answer: HttpAnswer): string {
  const status = `HTTP ${answer.status} ${answer.statusText}`.trimEnd();
  const html = /html/i.test(answer.contentType) || /^\s*<(!doctype|html)/i.test(answer.body);
  const text = oneLine(html ? textOfHtml(answer.body) : answer.body);
  if (!html) return text === "" ? status : `${status}: ${text}`;
  return text === "" ? `${status}: an HTML page` : `${status}: an HTML page, "${text}"`;
}

/** `Retry-After` in milliseconds, seconds or HTTP date, bounded by `maxMs`; null where there is none or it is unreadable. */
export function parseRetryAfter(value: string | null, nowMs: number, maxMs: number): number | null {
  if (value === null) return null;
  const text = value.trim();
  const waitMs = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs;
  if (Number.isNaN(waitMs)) return null;
  return Math.min(Math.max(0, waitMs), maxMs);
}

function textOfHtml(html: string): string {
  const title = /<title[^>]*>([^<]*)/i.exec(html)?.[1];
  return title ?? html.replace(/<(style|script)[\s\S]*?(<\/\1>|$)/gi, " ").replace(/<[^>]*(>|$)/g, " ");
}

function oneLine(text: string): string {
  // Control characters could forge log lines or drive a terminal.
  const line = text.replace(/[\s\p{Cc}]+/gu, " ").trim();
  return line.length > SHOWN_CHARACTERS ? `${line.slice(0, SHOWN_CHARACTERS)}…` : line;
}
