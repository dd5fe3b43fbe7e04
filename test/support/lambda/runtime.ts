/**
 * The process of a function, as the runtime `nodejs24.x` runs it: loads the module once, then answers one call after the other. Run as a
 * child with IPC: `node runtime.ts <module>`. Source: "Lambda execution environment lifecycle" and "Using the Lambda context object to
 * retrieve Node.js function information", developer guide of AWS Lambda.
 */
import { pathToFileURL } from "node:url";
import type { AnswerMessage, InvokeMessage } from "./messages.ts";

type Handler = (event: unknown, context: unknown) => Promise<unknown>;

const [, , path = ""] = process.argv;
const { handler } = (await import(pathToFileURL(path).href)) as { readonly handler: Handler };

function say(message: AnswerMessage): void {
  process.send?.(message);
}

async function answer({ requestId, event, deadlineMs }: InvokeMessage): Promise<void> {
  const { AWS_LAMBDA_FUNCTION_NAME: functionName, AWS_LAMBDA_FUNCTION_MEMORY_SIZE: memoryLimitInMB } = process.env;
  const context = {
    functionName,
    functionVersion: "$LATEST",
    invokedFunctionArn: `arn:aws:lambda:us-east-1:123456789012:function:${functionName}`,
    memoryLimitInMB,
    awsRequestId: requestId,
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Math.max(0, deadlineMs - Date.now()),
  };
  try {
    const payload = await handler(event, context);
    say({ kind: "answered", requestId, payload: payload ?? null });
  } catch (error) {
    const { name: type, message } = error instanceof Error ? error : { name: "Error", message: String(error) };
    say({ kind: "threw", requestId, type, message });
  }
}

// The one that calls has gone: nobody is left to stop this process.
process.on("disconnect", () => process.exit(0));
process.on("message", (message) => void answer(message as InvokeMessage));
say({ kind: "ready" });
