import { openPeers } from '../support/peers.ts';
import { runNode } from '../support/processes.ts';
import { interleave, type Row, row, type Scenario } from '../support/scenario.ts';
import { ratios } from '../support/stats.ts';

const JOBS = 50_000;

/** What every contender answers: how long it took to enqueue, and then to drain. */
interface Drained {
  enqueueMs: number;
  drainMs: number;
  /** CPU time of its process for both; less of a gamble than the clock on a busy machine. */
  cpuMs?: number;
  /** Jobs done and log rows written. */
  rows?: [number, number];
}

/** Enqueue in bulk, then drain in one process: the functions against the bare loop and the other queues. */
export const drain: Scenario = {
  name: 'drain',
  title: `drain: ${JOBS.toLocaleString('en-US')} no-op jobs enqueued in bulk, then drained, by one process`,
  async run(bench) {
    const child = (name: string) => () => runNode<Drained>(`${bench.root}/dist/bench/${name}.mjs`, [String(JOBS)]);
    const peers = await openPeers<Drained>(bench, ['drain', String(JOBS)]);
    const contenders = { escapement: child('drain'), 'bare loop': child('bare-loop'), ...peers.contenders };
    const results = await interleave(bench.runs, contenders).finally(peers.close);
    for (const { rows } of [...(results.escapement ?? []), ...(results['bare loop'] ?? [])]) {
      if (rows?.[0] !== JOBS || rows[1] !== 3 * JOBS) throw new Error(`Jobs or log rows are missing: ${rows}`);
    }
    const rates = Object.entries(results).map(([name, runs]) => ({ name, ...ratesOf(runs) }));
    const [own, bare, ...others] = rates as [Rates, Rates, ...Rates[]];
    return [
      ...rates.flatMap(rowsOf),
      ratio('escapement / bare loop, enqueue', ratios(own.enqueue, bare.enqueue)),
      ratio('escapement / bare loop, drain', ratios(own.drain, bare.drain), 0.65),
      ratio('escapement / bare loop, both', ratios(own.both, bare.both)),
      ratio('bare loop / escapement, CPU', ratios(bare.cpu, own.cpu)),
      ...others.map(({ name, both }) => ratio(`escapement / ${name}, both`, ratios(own.both, both), 2)),
    ];
  },
};

type Rates = { name: string } & Record<'enqueue' | 'drain' | 'both' | 'cpu', number[]>;

const ratesOf = (runs: readonly Drained[]): Omit<Rates, 'name'> => {
  const rate = (ms: number) => (JOBS / ms) * 1000;
  return {
    enqueue: runs.map(({ enqueueMs }) => rate(enqueueMs)),
    drain: runs.map(({ drainMs }) => rate(drainMs)),
    both: runs.map(({ enqueueMs, drainMs }) => rate(enqueueMs + drainMs)),
    cpu: runs.flatMap(({ cpuMs }) => (cpuMs === undefined ? [] : [(1000 * cpuMs) / JOBS])),
  };
};

const rowsOf = ({ name, enqueue, drain, both, cpu }: Rates): Row[] => [
  row(`${name}, enqueue`, 'jobs/s', enqueue),
  row(`${name}, drain`, 'jobs/s', drain, name === 'escapement' ? { atLeast: 20_000 } : {}),
  row(`${name}, both`, 'jobs/s', both),
  ...(cpu.length > 0 ? [row(`${name}, both, CPU`, 'µs/job', cpu)] : []),
];

const ratio = (what: string, runs: number[], atLeast?: number): Row => row(what, 'x', runs, atLeast ? { atLeast } : {});
