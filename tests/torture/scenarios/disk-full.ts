import { FileLimit } from '../site/limit.ts';
import { rounds } from '../site/rounds.ts';
import { type Scenario, Site } from '../site/site.ts';
import { SmallDisk } from '../site/small-disk.ts';

const FEW = 1;
const MEGABYTES = 32;

/** A disk fills up under everybody's feet, somebody is killed on it, and then there is space again. */
export const diskFull: Scenario = {
  name: 'disk-full',
  about: 'a small file system fills up while clients go on, and is given space again',
  async run(amount) {
    const disk = SmallDisk.mount(MEGABYTES);
    const counts = { whole: 1, processor: 1 };
    const site = await Site.open('disk-full', amount, counts, disk && { folder: disk.folder });
    const space = disk ?? new FileLimit(site.fleet, site.file);
    const { pick, between, yes } = site.chance('faults');
    site.work();
    const count = await rounds(amount, FEW, async () => {
      await site.acknowledged(site.ledger.acknowledged.size + between(10, 40));
      space.fill(pick([0, 0, 16, 256]));
      const before = site.excuses;
      await site.until(() => site.excuses >= before + 15, 'the full disk is noticed');
      await expectHealth(site);
      const victim = pick(site.fleet.parts);
      const dies = disk !== undefined && yes(0.5);
      if (dies) await victim.kill();
      // On a full disk it may refuse, with a line; with space it may not.
      if (dies && !(await victim.start())) site.more['starts refused while full'] = site.fleet.refusals.length;
      await site.until(
        () => site.excuses >= before + 30 || site.fleet.doors.every(({ alive }) => !alive),
        'the disk stays full',
      );
      space.free();
      for (const part of site.fleet.parts) if (!part.alive) await part.start();
      await site.acknowledged(site.ledger.acknowledged.size + 20);
    });
    await site.settle();
    site.more['times full'] = count;
    site.more['what was full'] = disk ? `a tmpfs of ${MEGABYTES} MB` : 'a limit on the size of files';
    const refused = Number(site.more['starts refused while full'] ?? 0);
    const figures = await site.close({ mayRefuse: site.fleet.refusals.length <= refused });
    disk?.unmount();
    return figures;
  },
};

/** Health is a read, and needs no space. */
async function expectHealth(site: Site): Promise<void> {
  const response = await fetch(`${site.fleet.doors[0]?.url}/healthz`);
  const body = await response.text();
  if (response.status !== 200) site.ledger.complain(`on a full disk /healthz answered ${response.status} ${body}`);
}
