import { pause } from '../../support/server.ts';
import type { Part } from '../site/fleet.ts';
import { rounds } from '../site/rounds.ts';
import { type Scenario, Site } from '../site/site.ts';

const FEW = 2;
const ONCE_MORE = 8;
const FEWER = { api: 1, processor: 2, coordinator: 1 };
const MORE = { api: 2, processor: 2, coordinator: 2 };
/** Longer than any lease, and than any job takes. */
const LONGEST_MS = 8000;
const HELD = `SELECT count(*) AS held FROM json_each(?) AS lease JOIN jobs ON seq = lease.value ->> 'seq'
  WHERE status = 'running' AND lease_epoch = lease.value ->> 'lease_epoch'`;
const LOST = `SELECT count(*) AS lost, count(said.seq) AS told FROM logs AS reclaimed LEFT JOIN logs AS said
  ON said.event = 'stale' AND said.job_seq = reclaimed.job_seq AND said.epoch = reclaimed.epoch
  WHERE reclaimed.event = 'reclaimed'`;

/** SIGSTOP past the lease and SIGCONT: others take over, and who comes back writes nothing under its old lease. */
export const freeze: Scenario = {
  name: 'freeze',
  about: 'SIGSTOP of a processor, coordinator or API past its lease, then SIGCONT',
  async run(amount) {
    const site = await Site.open('freeze', amount, amount.minutes === undefined ? FEWER : MORE);
    const chance = site.chance('faults');
    const { pick, between } = chance;
    site.work();
    const count = await rounds(amount, FEW, async (i) => {
      await site.acknowledged(site.ledger.acknowledged.size + between(10, 60));
      const kind = i === 0 ? 'processor' : chance.weighted({ processor: 6, coordinator: 2, api: 2 });
      const part = pick(site.fleet.of(kind));
      if (kind === 'processor') await freezeWhileItWorks(site, part);
      else await freezeFor(part, between(1000, 3000));
    });
    // Whoever held nothing when it was frozen has nothing to say.
    for (let more = 0; more < ONCE_MORE && !lost(site).told; more++)
      await freezeWhileItWorks(site, pick(site.fleet.of('processor')));
    await site.settle();
    const leases = lost(site);
    const figures = await site.close();
    figures.more['leases lost'] = leases.lost;
    figures.more['of them named by a stale row'] = leases.told;
    if (count > 0 && !leases.told) figures.problems.push('nobody who came back has said that its lease was lost');
    return figures;
  },
};

async function freezeFor(part: Part, ms: number): Promise<void> {
  part.freeze();
  await pause(ms);
  part.thaw();
}

/** Freezes it while jobs run, until no lease of that moment is held any more: those it had were taken from it. */
async function freezeWhileItWorks(site: Site, part: Part): Promise<void> {
  await site.until(() => running(site).length > 5, 'some jobs run');
  part.freeze();
  const leases = JSON.stringify(running(site));
  const end = Date.now() + LONGEST_MS;
  while (Date.now() < end && site.read<{ held: number }>(HELD, leases)[0]?.held) await pause(50);
  part.thaw();
}

const lost = (site: Site) => site.read<{ lost: number; told: number }>(LOST)[0] as { lost: number; told: number };

const running = (site: Site) => site.read("SELECT seq, lease_epoch FROM jobs WHERE status = 'running'");
