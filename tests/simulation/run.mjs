// The simulation as Node can run it: bundles its TypeScript, then starts it. `npm run simulate -- --help` says how.
import { load } from './bundle.mjs';
import { plants } from './plants/index.mjs';

const argv = process.argv.slice(2);
const planted = argv.indexOf('--plant');
const [, name] = planted < 0 ? [] : argv.splice(planted, 2);
const plant = plants.find((one) => one.name === name);

if (planted >= 0 && !plant) {
  console.error(`--plant takes the name of a bug: ${plants.map((one) => `\n  ${one.name}`).join('')}`);
  process.exitCode = 2;
} else {
  const { main } = await load(plant);
  process.exitCode = await main(argv);
}
