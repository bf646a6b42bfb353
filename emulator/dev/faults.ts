/** A fault that somebody asked for and that lasts. */
export type Fault =
  | { kind: 'fail'; task_type: string; times: number; error: string }
  | { kind: 'skew'; ms: number }
  | { kind: 'slow'; ms: number };

/** The faults that are on: one of each kind, and of `fail` one for each task type. */
export class Faults {
  #fails = new Map<string, { times: number; error: string }>();
  /** How far the workers' clock is from everybody else's. */
  skew = 0;
  /** How much longer each call of the database takes. */
  slow = 0;

  get items(): Fault[] {
    const fails = [...this.#fails].map(([task_type, fail]) => ({ kind: 'fail' as const, task_type, ...fail }));
    return [
      ...fails,
      ...(this.skew === 0 ? [] : [{ kind: 'skew' as const, ms: this.skew }]),
      ...(this.slow === 0 ? [] : [{ kind: 'slow' as const, ms: this.slow }]),
    ];
  }

  set(fault: Fault): void {
    if (fault.kind === 'fail') this.#fails.set(fault.task_type, { times: fault.times, error: fault.error });
    else this[fault.kind] = fault.ms;
  }

  clear(): void {
    this.#fails.clear();
    this.skew = 0;
    this.slow = 0;
  }

  /** Takes one of the failures of this task type; the error, where there is one left. */
  take(task_type: string): string | undefined {
    const fail = this.#fails.get(task_type);
    if (!fail) return undefined;
    fail.times -= 1;
    if (fail.times <= 0) this.#fails.delete(task_type);
    return fail.error;
  }
}
