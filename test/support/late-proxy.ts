/** A port that leads to a server as long as it is told to: for tests of what happens while the server is away. */
import { connect, createServer, type Server, type Socket } from "node:net";

export interface LateProxy extends AsyncDisposable {
  readonly port: number;
  /** From now on connections are passed on. */
  open(): Promise<void>;
  /** Cuts all connections and refuses new ones. */
  shut(): Promise<void>;
  /** Keeps all connections, and passes nothing on, until `thaw`. */
  freeze(): void;
  thaw(): void;
}

/** Shut at first. On `port` where one is given, otherwise on a free one. */
export async function createLateProxy(
  target: { readonly host: string; readonly port: number },
  wantedPort = 0,
): Promise<LateProxy> {
  const sockets = new Set<Socket>();
  let isFrozen = false;
  const server: Server = createServer((client) => {
    const upstream = connect(target);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
      if (isFrozen) from.pause();
    }
  });
  const listen = (port: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen({ port, host: "127.0.0.1" }, () => {
        server.off("error", reject);
        resolve();
      });
    });
  const shut = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  await listen(wantedPort);
  const { port } = server.address() as { readonly port: number };
  await shut();
  return {
    port,
    open: () => listen(port),
    shut,
    freeze: () => {
      isFrozen = true;
      for (const socket of sockets) socket.pause();
    },
    thaw: () => {
      isFrozen = false;
      for (const socket of sockets) socket.resume();
    },
    [Symbol.asyncDispose]: shut,
  };
}
