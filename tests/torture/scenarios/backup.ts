import { existsSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { breaches } from '../../support/invariants.ts';
import { pause, Server } from '../../support/server.ts';
import { integrityOf } from '../checks/audit.ts';
import { rounds } from '../site/rounds.ts';
import { type Scenario, Site } from '../site/site.ts';

const FEW = 1;

/** Backups while everybody writes, one killed in the middle of it; the last one takes the place of the database. */
export const backup: Scenario = {
  name: 'backup',
  about: 'backups taken during writes, some killed; the last one is restored',
  async run(amount) {
    const site = await Site.open('backup', amount, { whole: 1, processor: 1 });
    const { between, yes } = site.chance('faults');
    let file = '';
    site.work();
    const count = await rounds(amount, FEW, async (i) => {
      await site.acknowledged(site.ledger.acknowledged.size + between(30, 80));
      file = join(site.fleet.folder, `backup-${i}.db`);
      if (yes(0.5)) await killOne(site, file, between(200, 1500));
      const promised = [...site.ledger.acknowledged.keys()];
      const made = await site.command('backup', '--force', file);
      if ((await made.exited) !== 0) throw new Error(`no backup was made: ${made.output}`);
      site.ledger.problems.push(...faultsOf(file, promised));
    });
    const refused = await site.command('restore', file);
    if ((await refused.exited) === 0) site.ledger.complain('a backup was restored under running processes');
    await site.rest();
    // As a crash leaves it: with a log beside it, which must not be played into the backup.
    await site.fleet.kill();
    await site.restore(file);
    await site.fleet.start();
    site.work();
    await site.acknowledged(site.ledger.acknowledged.size + 20);
    await site.settle();
    site.more['backups, each verified'] = count;
    return site.close();
  },
};

/** Kills a backup in the middle: under its name there is a whole one or none. */
async function killOne(site: Site, file: string, after: number): Promise<void> {
  const { folder } = site.fleet;
  const victim = await Server.launch({ script: 'backup', args: [file], folder, bare: true });
  await pause(after);
  victim.kill('SIGKILL');
  await victim.exited;
  site.fleet.kills += 1;
  if (existsSync(file)) site.ledger.problems.push(...faultsOf(file, []));
}

/** What is wrong with a backup; `promised` are the jobs that were acknowledged before it began. */
function faultsOf(file: string, promised: readonly string[]): string[] {
  const db = new Sqlite(file, { readonly: true });
  try {
    const integrity = integrityOf(db);
    const there = new Set(db.prepare('SELECT id FROM jobs').pluck().all());
    const missing = promised.filter((id) => !there.has(id));
    const found = [
      ...(integrity === 'ok' ? [] : [integrity]),
      ...breaches(db),
      ...missing.map((id) => `${id} is missing`),
    ];
    return found.map((text) => `a backup: ${text}`);
  } finally {
    db.close();
  }
}
