/** Whose strands wait: a host, which can die or stand still, or the ground, which does neither. */
export interface Owner {
  name: string;
  alive: boolean;
  stalledUntil: number;
}

/** A place in the code where a strand waits for the run to let it go on: every await of the system is one. */
export interface Point {
  owner: Owner;
  what: string;
  due: number;
  go(): void;
}

/** All points of a run. Between two steps every living strand of the system stands at one of them. */
export class Points {
  #points: Point[] = [];

  /** Waits until the run chooses this point, at `due` at the earliest; an abort makes it due at once. */
  park(owner: Owner, what: string, due = 0, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (!owner.alive) return;
      const hurry = () => {
        point.due = 0;
      };
      const go = () => {
        signal?.removeEventListener('abort', hurry);
        resolve();
      };
      const point: Point = { owner, what, due: signal?.aborted ? 0 : Math.ceil(due), go };
      signal?.addEventListener('abort', hurry);
      this.#points.push(point);
    });
  }

  runnable(time: number): Point[] {
    return this.#points.filter(({ due, owner }) => due <= time && owner.stalledUntil <= time);
  }

  /** Lets one strand go on until its next point. Everything it does meanwhile is done when this resolves. */
  async resume(point: Point): Promise<void> {
    this.#points.splice(this.#points.indexOf(point), 1);
    point.go();
    await drained();
  }

  /** The strands of a dead host: they never go on. */
  drop(owner: Owner): void {
    this.#points = this.#points.filter((point) => point.owner !== owner);
  }

  /** When the next point is due after `time`; infinite where none is. */
  nextAfter(time: number): number {
    const times = this.#points.map(({ due, owner }) => Math.max(due, owner.stalledUntil));
    return Math.min(Number.POSITIVE_INFINITY, ...times.filter((at) => at > time));
  }
}

/** Everything in this process that can run without time or input has run: promises resolve before immediates. */
export const drained = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
