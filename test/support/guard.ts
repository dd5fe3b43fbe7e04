/**
 * Run as `node guard.ts DIR` beside a test run, with a pipe to it as stdin: when the run ends in any way, `kill -9` included, the
 * pipe closes, and the directory goes with the servers in it. (They are made to survive whoever started them.)
 */
import { removeWithServers } from "./remove-with-servers.ts";

const directory = process.argv[2];
if (directory === undefined) throw new TypeError("a directory is needed");

process.stdin.resume();
process.stdin.on("end", () => void removeWithServers(directory));
