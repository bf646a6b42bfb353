import { ApiError, get } from './api.ts';
import { Store } from './store.ts';
import type { Snapshots } from './types.ts';

export type Role = 'admin' | 'user';

/** What the token may do; null until it is known. */
export const role = new Store<Role | null>(null);

/** Learns what the token may do: what only an admin may read is the question. Throws where the token is not valid. */
export async function learnRole(): Promise<void> {
  try {
    await get<Snapshots>('/v1/dumps');
    role.set('admin');
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 403) throw error;
    role.set('user');
  }
}
