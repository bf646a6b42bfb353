import { readSettings, type Settings } from '../../../core/settings.ts';
import type { Host } from '../world/host.ts';
import type { HandlerRun } from '../world/outside.ts';
import type { World } from '../world/world.ts';
import { Buckets } from './buckets.ts';
import { checkJob } from './job.ts';
import type { Law } from './laws.ts';
import { Ledger, type LogRow, type Row } from './ledger.ts';
import { checkOrder } from './order.ts';
import { ReportCheck } from './report.ts';

const JOB = 'SELECT * FROM jobs WHERE seq = ?';
const NEW_LOGS = 'SELECT * FROM logs WHERE seq > ? ORDER BY seq';
const MAX_AHEAD_MS = 10_000;
const LOG = 'SELECT 1 FROM logs WHERE seq = ?';

/**
 * Looks at what each database call committed: the rows it touched and the log rows it added, held against what was
 * there before. So a check costs as much as the call changed, and no call goes unchecked.
 */
export class Observer {
  readonly ledger = new Ledger();
  readonly buckets: Buckets;
  readonly settings: Settings;
  /** Every run of a handler; the number of a run is its place here. */
  readonly runs: HandlerRun[] = [];
  /** The host on which each worker lives. */
  readonly holders = new Map<string, Host>();
  /** How many log rows of each event there were. */
  readonly events: Record<string, number> = {};
  /** Database calls so far. */
  calls = 0;
  readonly world: World;
  readonly #report: ReportCheck;
  #lastLog = 0;

  constructor(world: World) {
    this.world = world;
    this.settings = readSettings(world.plan.settings);
    this.buckets = new Buckets(this);
    this.#report = new ReportCheck(this);
  }

  breach = (law: Law, text: string): void => this.world.breach(law, text);

  /** Notes that a handler begins; the number of its run. */
  began(run: HandlerRun): number {
    this.runs.push(run);
    const times = this.runs.filter(({ id, worker }) => id === run.id && worker === run.worker).length;
    const claims = this.ledger.byId.get(run.id)?.claims.get(run.worker) ?? 0;
    if (times > claims) this.breach('run', `${run.worker} ran job ${run.id} ${times} times after ${claims} claims`);
    return this.runs.length - 1;
  }

  /** Whether this host's worker holds the lease of a job. */
  holds(host: Host, { lease_worker }: Row): boolean {
    return lease_worker !== null && this.holders.get(lease_worker) === host;
  }

  /** The run that a result names. */
  runOf({ result }: Row): HandlerRun | undefined {
    const { run } = JSON.parse(result ?? '{}') as { run?: number };
    return run === undefined ? undefined : this.runs[run];
  }

  /** Checks what a call of `host` has changed; whether it logged anything. */
  async observe(host: Host): Promise<boolean> {
    this.calls += 1;
    const { store, people } = this.world;
    const touched = store.take();
    const logs = this.#newLogs();
    const seqs = new Set([...touched.jobs, ...logs.map(({ job_seq }) => job_seq)]);
    for (const seq of seqs) {
      const life = logs.filter(({ job_seq }) => job_seq === seq);
      checkJob(this, host, seq, life, store.reader(JOB).get(seq) as Row | undefined);
    }
    checkOrder(this, logs);
    if (touched.rewritten) this.breach('log', 'a log row was changed');
    for (const { log, job } of touched.erased) this.#checkErased(log, job);
    this.buckets.check(touched.buckets, host);
    if (logs.length > 0 || touched.counts) await this.#report.check();
    for (const { event, job_seq } of logs)
      if (event === 'scheduled') people.orders.checkWhole(this.ledger.bySeq.get(job_seq)?.marker as number);
    return logs.length > 0;
  }

  #newLogs(): LogRow[] {
    const logs = this.world.store.reader(NEW_LOGS).all(this.#lastLog) as LogRow[];
    this.#lastLog = logs.at(-1)?.seq ?? this.#lastLog;
    for (const log of logs) {
      this.events[log.event] = (this.events[log.event] ?? 0) + 1;
      this.#checkTime(log);
    }
    return logs;
  }

  /** Where the database's clock counts, a host that runs ahead of it has measured it wrongly; but for one that jumps. */
  #checkTime({ seq, at }: LogRow): void {
    const { plan, time } = this.world;
    if (this.settings.CLOCK === 'database' && !plan.faults.has('clock-jump') && at > time + MAX_AHEAD_MS)
      this.breach(9, `log row ${seq} is from ${at - time} ms ahead of the database's clock`);
  }

  /** Log rows go with their job, when it is pruned. A deletion that was rolled back is none. */
  #checkErased(log: number, job: number): void {
    const isThere = this.world.store.reader(LOG).get(log) !== undefined;
    if (!isThere && this.ledger.bySeq.get(job)?.gone === undefined)
      this.breach('log', `log row ${log} was deleted, and job ${job} was not pruned`);
  }
}
