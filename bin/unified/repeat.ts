/** Work that is done again and again, for as long as a process lives. */

/** At once and then each time that it is due, never twice at a time. Whoever gives the work sees to it that it does not reject. */
export function repeat(work: () => Promise<void>, everyMs: number): NodeJS.Timeout {
  let busy = false;
  const once = async (): Promise<void> => {
    if (busy) return;
    busy = true;
    await work();
    busy = false;
  };
  void once();
  return setInterval(() => void once(), everyMs);
}
