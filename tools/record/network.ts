// In: a directory for the PDS's files. Out: a running PLC directory and PDS on loopback, and HTTP calls to them.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { PDS } from "@atproto/pds";
import { Database, PlcServer } from "@did-plc/server";

const ADMIN_PASSWORD = randomBytes(16).toString("hex");

/** An XRPC call that was answered with an error: `status` and `code` are the server's. */
export class XrpcError extends Error {
  override readonly name = "XrpcError";
  readonly status: number;
  readonly code: string;
  constructor(nsid: string, status: number, body: string) {
    super(`${nsid}: ${status} ${body.slice(0, 300)}`);
    this.status = status;
    this.code = /"error":"([^"]*)"/.exec(body)?.[1] ?? "";
  }
}

export interface XrpcRequest {
  /** JSON body; makes the call a procedure. */
  input?: unknown;
  /** A procedure without any body. */
  emptyProcedure?: true;
  /** Raw body (a blob), with its media type. */
  blob?: { bytes: Uint8Array; type: string };
  query?: Record<string, string>;
  /** Access token of an account; "admin" for the server's own password. */
  auth?: string;
}

export interface Network extends AsyncDisposable {
  readonly pds: PDS;
  readonly pdsUrl: string;
  readonly plcUrl: string;
  /** Calls the PDS. Returns the parsed JSON, or the bytes where the answer is none. Throws XrpcError. */
  call(nsid: string, request?: XrpcRequest): Promise<unknown>;
}

/** Starts both servers on free ports. `directory` takes the PDS's databases and blobs and is the caller's to delete. */
export async function startNetwork(directory: string): Promise<Network> {
  const plcPort = await freePort();
  const plc = PlcServer.create({ db: Database.mock(), port: plcPort });
  await plc.start();
  const plcUrl = `http://localhost:${plcPort}`;

  const pdsPort = await freePort();
  const pds = await PDS.fromEnv({
    devMode: true,
    port: pdsPort,
    dataDirectory: directory,
    blobstoreDiskLocation: join(directory, "blobs"),
    adminPassword: ADMIN_PASSWORD,
    jwtSecret: randomBytes(16).toString("hex"),
    plcRotationKeyK256PrivateKeyHex: randomBytes(32).toString("hex"),
    serviceHandleDomains: [".test"],
    didPlcUrl: plcUrl,
    bskyAppViewUrl: "https://appview.invalid",
    bskyAppViewDid: "did:example:invalid",
    modServiceUrl: "https://moderator.invalid",
    modServiceDid: "did:example:invalid",
    inviteRequired: false,
    disableSsrfProtection: true,
  });
  await pds.start();
  const pdsUrl = `http://localhost:${pdsPort}`;

  return {
    pds,
    pdsUrl,
    plcUrl,
    call: (nsid, request = {}) => callXrpc(pdsUrl, nsid, request),
    async [Symbol.asyncDispose]() {
      await pds.destroy();
      await plc.destroy();
    },
  };
}

async function callXrpc(pdsUrl: string, nsid: string, request: XrpcRequest): Promise<unknown> {
  const { input, blob, query, auth, emptyProcedure } = request;
  const headers: Record<string, string> = {};
  if (auth === "admin") headers.authorization = `Basic ${btoa(`admin:${ADMIN_PASSWORD}`)}`;
  else if (auth !== undefined) headers.authorization = `Bearer ${auth}`;
  const type = blob?.type ?? (input === undefined ? undefined : "application/json");
  if (type !== undefined) headers["content-type"] = type;
  const url = `${pdsUrl}/xrpc/${nsid}${query === undefined ? "" : `?${new URLSearchParams(query)}`}`;
  const response = await fetch(url, {
    method: type === undefined && emptyProcedure === undefined ? "GET" : "POST",
    headers,
    body: blob === undefined ? (input === undefined ? null : JSON.stringify(input)) : Buffer.from(blob.bytes),
  });
  if (!response.ok) throw new XrpcError(nsid, response.status, await response.text());
  if (response.headers.get("content-type")?.startsWith("application/json")) return response.json();
  return new Uint8Array(await response.arrayBuffer());
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port from the system");
  return address.port;
}
