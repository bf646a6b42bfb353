// Looks for every planted bug and prints the table of docs/reliability.md: the first seed that finds it.
import { load } from '../bundle.mjs';
import { plants } from './index.mjs';

const SEEDS = 100;

console.log('| planted bug | a seed that finds it | law |\n| --- | --- | --- |');
for (const plant of plants) {
  const { simulate } = await load(plant);
  let found = 'none';
  for (let seed = 1; found === 'none' && seed <= SEEDS; seed++) {
    const [breach] = (await simulate({ seed })).breaches;
    if (breach) found = `${seed} | ${breach.law}`;
  }
  console.log(`| ${plant.name} | ${found} |`);
}
