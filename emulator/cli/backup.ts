import { join } from 'node:path';
import type { Command } from 'commander';
import { readSettings } from '../../core/settings.ts';
import { root } from './project.ts';

const migrations = join(root, 'migrations');

/** `escapement backup` and `escapement restore` */
export function backup(program: Command): void {
  program
    .command('backup')
    .description('write a verified copy of the database, which may be in use')
    .argument('<file>', 'where to')
    .option('--force', 'replace a file that is there')
    .action(backUpTo);
  program
    .command('restore')
    .description('put a copy in the place of the database, whose files are put aside')
    .argument('<file>', 'a backup')
    .action(restoreFrom);
}

async function backUpTo(file: string, { force }: { force?: boolean }): Promise<void> {
  const { DB_PATH } = readSettings(process.env);
  const { backUp } = await import('../storage/backup.ts');
  const contents = await backUp(DB_PATH, file, migrations, force);
  process.stdout.write(`backed up ${DB_PATH} to ${file}: ${contents}, verified\n`);
}

async function restoreFrom(file: string): Promise<void> {
  const { DB_PATH } = readSettings(process.env);
  const { restore } = await import('../storage/restore.ts');
  const { contents, aside } = await restore(file, DB_PATH, migrations, new Date().toISOString());
  const before = aside ? `; the files before it are in ${aside}` : '';
  process.stdout.write(`restored ${DB_PATH} from ${file}: ${contents}${before}\n`);
}
