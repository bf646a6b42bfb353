import { rmSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { tempFolder } from '../support/built.ts';
import { copyWithStamp } from '../support/copy.ts';
import { openPeers } from '../support/peers.ts';
import { Host, runNode } from '../support/processes.ts';
import { untilDrained } from '../support/rows.ts';
import { type Bench, interleave, type Row, row, type Scenario } from '../support/scenario.ts';
import { quantile } from '../support/stats.ts';
import { makeUser } from './http.ts';

const RATES = [
  { rate: 10, seconds: 4 },
  { rate: 500, seconds: 3 },
];
const LAYOUTS = {
  'one process': { parts: ['start'], goal: [2, 15] },
  'api and processor apart': { parts: ['start:api', 'start:processor'], goal: [5, 25] },
} as const;

/** Milliseconds from the client's receipt of the 201, and from its sending of the request. */
interface Waits {
  answer: number[];
  request: number[];
}

/** From the 201 to the first line of the handler, which notes the machine's monotonic clock. */
export const pickup: Scenario = {
  name: 'pickup',
  title: 'pickup: from the 201 to the first line of the handler; below 0 it began before the client had its answer',
  async run(bench) {
    const copy = copyWithStamp(bench.root);
    const rows: Row[] = [];
    try {
      for (const [layout, { parts, goal }] of Object.entries(LAYOUTS)) {
        const folder = tempFolder();
        const hosts: Host[] = [];
        for (const part of parts) hosts.push(await Host.start(copy, part, folder));
        for (const { rate, seconds } of RATES) {
          const measure = () => waits(bench.root, (hosts[0] as Host).url, folder, rate, seconds);
          const runs = (await interleave(Math.min(bench.runs, 3), { measure })).measure ?? [];
          rows.push(...rowsOf(`${layout}, ${rate}/s`, runs, rate === 500 ? goal : []));
        }
        for (const host of hosts) await host.stop();
        rmSync(folder, { recursive: true });
      }
      return [...rows, ...(await peerRows(bench))];
    } finally {
      rmSync(copy, { recursive: true });
    }
  },
};

function rowsOf(what: string, runs: Waits[], [p50, p99]: readonly number[]): Row[] {
  const sent = runs.map(({ request }) => quantile(request, 0.5)).sort((a, b) => a - b);
  const note = `${(sent[Math.floor(sent.length / 2)] ?? 0).toFixed(2)} ms from the request`;
  const at = (q: number) => runs.map(({ answer }) => quantile(answer, q));
  return [
    row(`${what}, p50`, 'ms', at(0.5), { ...(p50 && { atMost: p50 }), note }),
    row(`${what}, p99`, 'ms', at(0.99), p99 ? { atMost: p99 } : {}),
  ];
}

async function waits(root: string, url: string, folder: string, rate: number, seconds: number): Promise<Waits> {
  const token = await makeUser(url);
  const args = [url, token, String(rate), String(seconds)];
  const posted = await runNode<[string, number, number][]>(join(root, 'dist/bench/pickup-load.mjs'), args);
  const path = join(folder, 'jobs.db');
  await untilDrained(path);
  const db = new Sqlite(path, { readonly: true, timeout: 10_000 });
  const begun = db.prepare("SELECT id, result ->> 'begun' FROM jobs").raw().all() as [string, number][];
  db.close();
  const at = new Map(begun);
  return {
    answer: posted.map(([id, , answered]) => (at.get(id) as number) - answered),
    request: posted.map(([id, sent]) => (at.get(id) as number) - sent),
  };
}

/** Other queues enqueue and run in one process, without HTTP: from the end of the enqueueing call. */
async function peerRows(bench: Bench): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { rate, seconds } of RATES) {
    const args = ['pickup', String(rate), String(seconds)];
    const { contenders, close } = await openPeers<{ latencies: number[] }>(bench, args, ['bullmq', 'graphile-worker']);
    const found = await interleave(Math.min(bench.runs, 3), contenders).finally(close);
    for (const [name, runs] of Object.entries(found)) {
      for (const q of [0.5, 0.99]) {
        const values = runs.map(({ latencies }) => quantile(latencies, q));
        rows.push(row(`${name}, no HTTP, ${rate}/s, p${q * 100}`, 'ms', values));
      }
    }
  }
  return rows;
}
