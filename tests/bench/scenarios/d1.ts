import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compatibility } from '../../../emulator/deploy/cloudflare.ts';
import { migrateD1 } from '../../../emulator/deploy/migrate-d1.ts';
import { loadMiniflare } from '../../../emulator/workerd/start.ts';
import { ADMIN, SETTINGS } from '../support/built.ts';
import { type Bench, interleave, type Row, row, type Scenario } from '../support/scenario.ts';

const JOBS = 5000;
/** Jobs in a request, and in a claim. */
const SET = 100;
const FUNCTIONS = ['schedule-jobs', 'process-batch'];

// Runs in workerd: the bundles that are deployed, over a D1 whose statements and round trips are counted.
const MAIN = `
import scheduleJobs from './functions/schedule-jobs.mjs';
import processBatch from './functions/process-batch.mjs';

const counting = (db, count) => {
  const wrap = (inner) => ({
    inner,
    bind: (...values) => wrap(inner.bind(...values)),
    all: () => { count.statements += 1; count.trips += 1; return inner.all(); },
    first: () => { count.statements += 1; count.trips += 1; return inner.first(); },
  });
  return {
    prepare: (sql) => wrap(db.prepare(sql)),
    batch: (set) => { count.statements += set.length; count.trips += 1; return db.batch(set.map(({ inner }) => inner)); },
  };
};

export default {
  async fetch(request, bindings) {
    const { jobs, set } = await request.json();
    const count = { statements: 0, trips: 0 };
    const env = { ...bindings, DB: counting(bindings.DB, count), LOG: () => {} };
    if (new URL(request.url).pathname === '/schedule') {
      const headers = { 'x-user-auth': env.BOOTSTRAP_ADMIN_TOKEN, 'content-type': 'application/json' };
      const body = JSON.stringify({ jobs: Array(set).fill({ task_type: 'sleep', payload: { ms: 0 } }) });
      for (let left = jobs; left > 0; left -= set) {
        const init = { method: 'POST', headers, body };
        const { status } = await scheduleJobs.fetch(new Request('http://bench/v1/jobs/batch', init), env);
        if (status !== 201) throw new Error('schedule-jobs answered ' + status);
      }
    } else for (let done = 0; done < jobs; ) done += (await processBatch.scheduled({}, env)).done;
    return Response.json(count);
  },
};`;

interface Count {
  statements: number;
  trips: number;
}
type Run = Record<'schedule' | 'drain', Count & { ms: number }>;

/** The deployed bundles over D1 in workerd: how fast, and how many statements and round trips a job takes. */
export const d1: Scenario = {
  name: 'd1',
  title: `d1: ${JOBS.toLocaleString('en-US')} no-op jobs over D1 in workerd, scheduled and claimed ${SET} at a time`,
  async run(bench) {
    try {
      await loadMiniflare();
    } catch (error) {
      bench.leaveOut('d1', (error as Error).message);
      return [];
    }
    const { runs = [] } = await interleave(Math.min(bench.runs, 3), { runs: () => once(bench) });
    const each = (what: keyof Count) => runs.map(({ schedule, drain }) => (schedule[what] + drain[what]) / JOBS);
    const rate = (phase: keyof Run): Row =>
      row(
        phase,
        'jobs/s',
        runs.map((run) => (JOBS / run[phase].ms) * 1000),
      );
    return [
      rate('schedule'),
      rate('drain'),
      row('statements, both', 'a job', each('statements'), { atMost: 0.2 }),
      row('round trips, both', 'a job', each('trips')),
    ];
  },
};

async function once({ root }: Bench): Promise<Run> {
  const { Miniflare } = await loadMiniflare();
  const read = (name: string) => ({
    type: 'ESModule' as const,
    path: `functions/${name}.mjs`,
    contents: readFileSync(join(root, `dist/cloudflare/worker/functions/${name}.mjs`), 'utf8'),
  });
  const runtime = new Miniflare({
    modules: [{ type: 'ESModule', path: 'main.mjs', contents: MAIN }, ...FUNCTIONS.map(read)],
    compatibilityDate: compatibility.date,
    compatibilityFlags: compatibility.flags,
    d1Databases: ['DB'],
    bindings: { ...SETTINGS, BOOTSTRAP_ADMIN_TOKEN: ADMIN, PROCESS_BATCH_SIZE: String(SET) },
  });
  try {
    await migrateD1((await runtime.getD1Database('DB')) as never, join(root, 'migrations'));
    const call = async (phase: string) => {
      const start = performance.now();
      const body = JSON.stringify({ jobs: JOBS, set: SET });
      const response = await runtime.dispatchFetch(`http://bench/${phase}`, { method: 'POST', body });
      if (!response.ok) throw new Error(`${phase} in workerd failed: ${(await response.text()).slice(0, 300)}`);
      return { ...((await response.json()) as Count), ms: performance.now() - start };
    };
    return { schedule: await call('schedule'), drain: await call('drain') };
  } finally {
    await runtime.dispose();
  }
}
