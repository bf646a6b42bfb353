import { budgets } from './budgets.mjs';
import { fences } from './fences.mjs';
import { requests } from './requests.mjs';

/** Every bug that the simulation is tested with: each must be found. */
export const plants = [...fences, ...budgets, ...requests];
