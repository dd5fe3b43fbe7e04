import { createMemoryStream } from "../../lib/stream/memory/memory-stream.ts";
import { describeStreamContract } from "./stream-contract.ts";

describeStreamContract({
  name: "the memory stream",
  appendResolvesWhen: "acknowledged",
  create: () => {
    const stream = createMemoryStream({ maxBytes: 1024 });
    return Promise.resolve({
      writer: stream,
      reader: stream,
      close: () => stream.close(),
      [Symbol.asyncDispose]: () => {
        stream[Symbol.dispose]();
        return Promise.resolve();
      },
    });
  },
});
