#!/usr/bin/env node
/** The command. Looks at Node's version before anything is loaded that an older one could not even parse. */
const NEEDED_NODE = [24, 0] as const;

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < NEEDED_NODE[0] || (major === NEEDED_NODE[0] && minor < NEEDED_NODE[1])) {
  process.stderr.write(
    `standpipe needs Node ${NEEDED_NODE.join(".")} or newer, and this is ${process.versions.node}: install one from https://nodejs.org\n`,
  );
  process.exitCode = 2;
} else {
  const { main } = await import("./main.ts");
  process.exitCode = await main(process.argv.slice(2));
}
