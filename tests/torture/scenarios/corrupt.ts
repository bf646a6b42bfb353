import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import type { Chance } from '../../simulation/world/chance.ts';
import { integrityOf } from '../checks/audit.ts';
import { rounds } from '../site/rounds.ts';
import { type Scenario, Site } from '../site/site.ts';

const FEW = 1;
const TARGETS = ['jobs', 'logs', 'jobs_due', 'logs_of_job', 'jobs_of_owner', 'users', 'sqlite_schema'];
const PAGES = 'SELECT pageno FROM dbstat WHERE name = ? ORDER BY pageno';

/** A page becomes noise, at rest or under the running system, which says so and does not fall over; a backup heals it. */
export const corrupt: Scenario = {
  name: 'corrupt',
  about: 'a page of the database becomes noise, at rest or while processes run; a backup is restored',
  async run(amount) {
    const site = await Site.open('corrupt', amount, { whole: 1, processor: amount.minutes === undefined ? 0 : 1 });
    const chance = site.chance('faults');
    const healed: Record<string, number> = {};
    let refused = 0;
    await rounds(amount, FEW, async (i) => {
      const file = join(site.fleet.folder, `backup-${i}.db`);
      site.work();
      await site.acknowledged(site.ledger.acknowledged.size + 25);
      await site.settle();
      const made = await site.command('backup', file);
      if ((await made.exited) !== 0) throw new Error(`no backup was made: ${made.output}`);
      const target = chance.pick(TARGETS);
      const running = chance.yes(0.5);
      if (!running) await site.fleet.stop();
      scribble(site.file, target, chance);
      refused += running ? 0 : await startOn(site);
      await useIt(site);
      expectToTell(site, target);
      await site.rest();
      await site.fleet.kill();
      await site.restore(file);
      const what = `pages of ${target} told and healed, ${running ? 'overwritten while it ran' : 'at rest'}`;
      healed[what] = (healed[what] ?? 0) + 1;
      await site.fleet.start();
    });
    site.work();
    await site.acknowledged(site.ledger.acknowledged.size + 20);
    await site.settle();
    Object.assign(site.more, healed);
    return site.close({ mayRefuse: site.fleet.refusals.length <= refused });
  },
};

/** Overwrites a page of a table or an index with noise. */
function scribble(file: string, target: string, chance: Chance): void {
  const db = new Sqlite(file);
  db.pragma('wal_checkpoint(TRUNCATE)');
  const size = db.pragma('page_size', { simple: true }) as number;
  const page = chance.pick(db.prepare(PAGES).pluck().all(target) as number[]);
  db.close();
  const handle = openSync(file, 'r+');
  writeSync(handle, chance.bytes(size), 0, size, (page - 1) * size);
  closeSync(handle);
}

/** Starts what will start; how many refused. Each says why in one line. */
async function startOn(site: Site): Promise<number> {
  const before = site.fleet.refusals.length;
  await Promise.all(site.fleet.parts.map((part) => part.start()));
  const refusals = site.fleet.refusals.slice(before);
  for (const text of refusals)
    if (/\n\s+at /.test(text)) site.ledger.complain(`a refusal is more than a line for people: ${text}`);
  return refusals.length;
}

/** Lets people use it for a while, if it is there. */
async function useIt(site: Site): Promise<void> {
  const sum = () => Object.values(site.ledger.answers).reduce((a, b) => a + b, 0);
  const before = sum();
  site.work();
  await site.until(() => sum() >= before + 60, 'people were answered or not');
  if (site.fleet.deaths.length > 0) site.ledger.complain(`it fell over: ${site.fleet.deaths.splice(0).join('; ')}`);
}

function expectToTell(site: Site, target: string): void {
  const db = new Sqlite(site.file);
  const found = integrityOf(db);
  db.close();
  if (found === 'ok') site.ledger.complain(`integrity_check did not see that a page of ${target} is noise`);
}
