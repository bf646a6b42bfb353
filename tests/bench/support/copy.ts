import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parts } from '../../support/parts.ts';
import { tempFolder } from './built.ts';

// What the handler's first line notes: the monotonic clock, which all processes of a machine share.
const STAMP = `import * as z from 'zod';
import { task } from '../task.ts';

export default task({
  type: 'stamp',
  summary: 'Notes when it began.',
  payload: z.strictObject({}),
  example: {},
  run: async () => ({ begun: Number(process.hrtime.bigint()) / 1e6 }),
});
`;

/** A built copy of the project, in a temporary folder, that knows one more task: `stamp`. Its path. */
export function copyWithStamp(root: string): string {
  const copy = tempFolder();
  for (const part of parts) cpSync(join(root, part), join(copy, part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  writeFileSync(join(copy, 'core/tasks/stamp.ts'), STAMP);
  const registry = join(copy, 'core/tasks/index.ts');
  const text = readFileSync(registry, 'utf8');
  const extended = `import stamp from './stamp.ts';\n${text.replace(/(tasks[^=]*= \[)/, '$1stamp, ')}`;
  if (!extended.includes('[stamp, ')) throw new Error('The bench no longer knows how to register a task.');
  writeFileSync(registry, extended);
  execFileSync(process.execPath, [join(copy, 'emulator/escapement.mjs'), 'build'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return copy;
}
