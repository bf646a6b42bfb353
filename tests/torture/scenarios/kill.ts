import { pause } from '../../support/server.ts';
import type { Part } from '../site/fleet.ts';
import { rounds } from '../site/rounds.ts';
import { type Scenario, Site } from '../site/site.ts';

const FEW = 4;

/** kill -9 of anybody at any moment, and now and then of all, while people go on; each is started again. */
export const kill: Scenario = {
  name: 'kill',
  about: 'kill -9 of processors, coordinators and APIs at random, while clients go on',
  async run(amount) {
    const long = amount.minutes !== undefined;
    const counts = long ? { api: 2, processor: 3, coordinator: 2 } : { api: 1, processor: 2, coordinator: 1 };
    const site = await Site.open('kill', amount, counts);
    const { yes, pick, between } = site.chance('faults');
    const returning = new Set<Promise<unknown>>();
    const fell = async (part: Part, down: number) => {
      await part.kill();
      await pause(down);
      // Two starts of one part would leave a process that nobody knows of.
      if (!part.alive) await part.start();
    };
    site.work();
    await rounds(amount, FEW, async () => {
      // After so much work, not so much time: a slow machine is hit at the same points.
      await site.acknowledged(site.ledger.acknowledged.size + between(3, 40) * (long ? 3 : 1));
      const all = yes(0.1);
      const victim = pick(site.fleet.parts);
      const down = between(0, 500);
      for (const part of all ? site.fleet.parts : [victim]) {
        if (!part.alive) continue;
        const back = fell(part, down).finally(() => returning.delete(back));
        returning.add(back);
      }
    });
    await Promise.all(returning);
    await site.settle();
    return site.close();
  },
};
