import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { root } from './project.ts';

/** `escapement build` */
export function build(program: Command): void {
  program
    .command('build')
    .description('build dist/, and say what each function weighs and how long it takes to import')
    .option('--quick', 'leave the imports out')
    .action(run);
}

async function run({ quick }: { quick?: boolean }): Promise<void> {
  const { buildAll } = await import('../build.ts');
  const built = await buildAll(root);
  const width = Math.max(...built.map(({ name }) => name.length));
  const { coldImport } = await import('../cold-import.ts');
  for (const { name, bytes, gzipped } of built) {
    const sizes = [
      `${(bytes / 1000).toFixed(0).padStart(4)} KB`,
      `${(gzipped / 1000).toFixed(1).padStart(6)} KB gzipped`,
    ];
    const file = join(root, `dist/functions/${name}.mjs`);
    if (!quick && existsSync(file)) sizes.push(`${coldImport(file).toFixed(0).padStart(3)} ms to import`);
    process.stdout.write(`${name.padEnd(width)}  ${sizes.join('  ')}\n`);
  }
}
