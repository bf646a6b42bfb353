import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { Built } from '../support/built.ts';
import { Host } from '../support/processes.ts';
import { untilDrained } from '../support/rows.ts';
import { interleave, type Row, row, type Scenario } from '../support/scenario.ts';
import { ratios } from '../support/stats.ts';

const JOBS = 50_000;
const AMOUNTS = [1, 2, 4];

/** Several `npm run start:processor` on one file. They wait, then all jobs fall due at once. */
export const processes: Scenario = {
  name: 'processes',
  title: `processes: ${JOBS.toLocaleString('en-US')} no-op jobs drained by 1, 2 and 4 processor processes on one file`,
  async run({ root, runs }) {
    const template = await Built.over(root);
    await template.enqueue(JOBS, { delay_ms: 86_400_000 });
    template.db.pragma('wal_checkpoint(TRUNCATE)');
    const complaints: string[] = [];
    const drain = (amount: number) => async () => {
      const folder = join(template.folder, `${amount}`);
      mkdirSync(folder);
      copyFileSync(join(template.folder, 'jobs.db'), join(folder, 'jobs.db'));
      const drained = await drainWith(root, folder, amount);
      complaints.push(...drained.complaints);
      rmSync(folder, { recursive: true });
      return drained.rate;
    };
    const contenders = Object.fromEntries(AMOUNTS.map((amount) => [`${amount}`, drain(amount)]));
    const rates = await interleave(Math.min(runs, 3), contenders).finally(() => template.close());
    return [
      ...rowsOf(rates),
      row('lines of warn or error, or naming SQLITE_BUSY', '', [complaints.length], said(complaints)),
    ];
  },
};

function rowsOf(rates: Record<string, number[]>): Row[] {
  const one = rates[1] ?? [];
  return [
    ...AMOUNTS.map((amount) =>
      row(`${amount} processor${amount > 1 ? 's' : ''}, drain`, 'jobs/s', rates[amount] ?? []),
    ),
    row('2 processors / 1', 'x', ratios(rates[2] ?? [], one)),
    row('4 processors / 1', 'x', ratios(rates[4] ?? [], one), { atLeast: 0.95, note: 'no slower, but for noise' }),
  ];
}

const said = (complaints: string[]): Partial<Row> => ({
  atMost: 0,
  ...(complaints[0] && { note: complaints[0].slice(0, 120) }),
});

async function drainWith(root: string, folder: string, amount: number) {
  const hosts = await Promise.all(Array.from({ length: amount }, () => Host.start(root, 'start:processor', folder)));
  const db = new Sqlite(join(folder, 'jobs.db'), { timeout: 10_000 });
  // A commit of this connection is what tells the processors; soon enough that they are all there.
  const due = Date.now() + 500;
  db.prepare('UPDATE jobs SET run_at = ?').run(due);
  const start = Math.max(due, Date.now());
  await untilDrained(db.name);
  const ended = db.prepare('SELECT max(finished_at) FROM jobs').pluck().get() as number;
  for (const host of hosts) await host.stop();
  const events = db.prepare('SELECT event, count(*) FROM logs GROUP BY 1 ORDER BY 1').raw().all();
  db.close();
  const expected = ['claimed', 'done', 'scheduled'].map((event) => [event, JOBS]);
  if (JSON.stringify(events) !== JSON.stringify(expected))
    throw new Error(`Not each job ran once: ${JSON.stringify(events)}`);
  return { rate: (JOBS / (ended - start)) * 1000, complaints: hosts.flatMap(({ complaints }) => complaints) };
}
