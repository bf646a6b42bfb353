/** Each call gives the time and the CPU time, in milliseconds, since the call before. */
export function stopwatch(): () => { ms: number; cpuMs: number } {
  let start = performance.now();
  let used = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(used);
    const ms = performance.now() - start;
    start = performance.now();
    used = process.cpuUsage();
    return { ms, cpuMs: (user + system) / 1000 };
  };
}
