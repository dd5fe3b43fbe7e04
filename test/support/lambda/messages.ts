/** What a function's process and the one that calls it say to each other. */

export interface InvokeMessage {
  readonly requestId: string;
  readonly event: unknown;
  /** Unix milliseconds. */
  readonly deadlineMs: number;
}

export type AnswerMessage =
  /** The module is loaded: calls may come. */
  | { readonly kind: "ready" }
  | { readonly kind: "answered"; readonly requestId: string; readonly payload: unknown }
  | { readonly kind: "threw"; readonly requestId: string; readonly type: string; readonly message: string };
