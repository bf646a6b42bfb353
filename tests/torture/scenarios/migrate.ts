import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { Chance } from '../../simulation/world/chance.ts';
import { cleanUp, pause, Server, tempFolder } from '../../support/server.ts';
import { integrityOf } from '../checks/audit.ts';
import { emptyFigures } from '../site/figures.ts';
import { rounds } from '../site/rounds.ts';
import type { Scenario } from '../site/site.ts';

const FEW = 2;
const SCHEMA = "SELECT group_concat(sql, ';') FROM (SELECT sql FROM sqlite_master WHERE sql NOT NULL ORDER BY name)";

/** Several migrations of a new file at once, one of them killed: it is applied whole or not at all, and then whole. */
export const migrate: Scenario = {
  name: 'migrate',
  about: 'three migrations of a new file at once, one killed at any moment of it',
  async run(amount) {
    const begin = performance.now();
    const chance = new Chance(`${amount.seed} migrate`);
    const whole = await schemaAfter(tempFolder());
    const figures = emptyFigures('migrate');
    const seen: Record<string, number> = { 'no file yet': 0, 'a file, nothing applied': 0, 'all applied': 0 };
    const count = await rounds(amount, FEW, async (i) => {
      const folder = tempFolder();
      const off = (text: string) => figures.problems.push(text);
      const launch = (n: number) =>
        Promise.all(Array.from({ length: n }, () => Server.launch({ script: 'migrate', folder, bare: true })));
      // In every other round the one that is killed is alone, so that what it left behind is seen.
      const beside = i % 2 === 0 ? [] : await launch(2);
      const [victim] = (await launch(1)) as [Server];
      await killAt(victim, join(folder, 'jobs.db'), chance);
      figures.kills += victim.child.signalCode === null ? 0 : 1;
      const found = schemaOf(folder);
      if (found !== '' && found !== whole) off(`half a schema: ${found}`);
      const file = existsSync(join(folder, 'jobs.db'));
      const state = found !== '' ? 'all applied' : file ? 'a file, nothing applied' : 'no file yet';
      seen[state] = (seen[state] ?? 0) + 1;
      const others = beside.length > 0 ? beside : await launch(2);
      for (const server of others)
        if ((await server.exited) !== 0) off(`a migration beside or after a killed one said: ${server.output}`);
      const boasts = [victim, ...others].filter(({ output }) => output.includes('applied')).length;
      if (boasts > 1) off(`${boasts} of three have applied the same migrations`);
      if (schemaOf(folder) !== whole) off('the migrations beside it did not apply the schema');
      if (chance.yes(0.2)) await expectStart(folder, off);
      await cleanUp();
    });
    for (const [state, times] of Object.entries(seen)) figures.more[`after the kill: ${state}`] = times;
    figures.more.rounds = count;
    return { ...figures, integrity: 'ok', seconds: (performance.now() - begin) / 1000 };
  },
};

/** Kills it at any moment of its life, most often just after the file has come into being. */
async function killAt(victim: Server, file: string, chance: Chance): Promise<void> {
  const ms = chance.between(0, 40);
  if (chance.yes(0.2)) await pause(chance.between(0, 800));
  else {
    while (!existsSync(file) && victim.child.exitCode === null) await turn();
    await pause(ms);
  }
  victim.kill('SIGKILL');
  await victim.exited;
}

/** What the file holds, read beside those who write it: empty where nothing was applied, all of it in one text. */
function schemaOf(folder: string): string {
  const file = join(folder, 'jobs.db');
  if (!existsSync(file)) return '';
  const db = new Sqlite(file, { timeout: 10_000 });
  try {
    const found = integrityOf(db);
    return found === 'ok' ? ((db.prepare(SCHEMA).pluck().get() as string | null) ?? '') : found;
  } finally {
    db.close();
  }
}

async function schemaAfter(folder: string): Promise<string> {
  const server = await Server.run({ script: 'migrate', folder, bare: true });
  if ((await server.exited) !== 0) throw new Error(`a migration alone failed: ${server.output}`);
  return schemaOf(folder);
}

async function expectStart(folder: string, off: (text: string) => unknown): Promise<void> {
  const server = await Server.start({ folder, bare: true });
  const { id } = await server.schedule('transform', { input: 1, expression: '@' });
  await server.until(id, ['done'], 60_000);
  if ((await server.stop()) !== 0) off('a system after a killed migration did not stop well');
}
