import type { Scenario } from '../site/site.ts';
import { backup } from './backup.ts';
import { corrupt } from './corrupt.ts';
import { diskFull } from './disk-full.ts';
import { freeze } from './freeze.ts';
import { kill } from './kill.ts';
import { migrate } from './migrate.ts';

/** What there is to be lived through. */
export const scenarios: readonly Scenario[] = [kill, freeze, diskFull, corrupt, migrate, backup];
