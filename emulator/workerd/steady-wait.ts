const wait = Atomics.wait;

/**
 * Lets Atomics.wait wait on where it was woken for nothing. Miniflare's synchronous proxy stores and then notifies from
 * its thread: on a busy machine the notice of one answer can come while the next is waited for, and the proxy, which
 * does not look again, is one answer behind from there on.
 */
export function waitSteadily(): void {
  Atomics.wait = ((array: Int32Array, index: number, value: number, timeout?: number) => {
    for (;;) {
      const woken = wait(array, index, value, timeout);
      if (woken !== 'ok' || Atomics.load(array, index) !== value) return woken;
    }
  }) as typeof Atomics.wait;
}
