import { ApiError, get, send } from '../api.ts';
import { clock } from '../clock.ts';
import { Store } from '../store.ts';

export interface EmulatorState {
  now: string | number;
  frozen: boolean;
  offset_ms: number;
  crons: boolean;
  claiming: boolean;
  runtime: string;
  build: { ok: boolean; error: string | null; at: string | number | null };
}

/** What the emulator says of itself; null where there is none, as in production. */
export const emulator = new Store<EmulatorState | null>(null);

/** Asks whether this is an emulator, and how it stands. */
export async function learnEmulator(): Promise<void> {
  try {
    const response = await send('GET', '/__emulator/state');
    take((await response.json()) as EmulatorState);
  } catch (error) {
    // One that does not answer just now, as when it is started again, is still an emulator.
    if (error instanceof ApiError && (error.status === 0 || error.status >= 500)) return;
    emulator.set(null);
    clock.hold(null);
  }
}

function take(state: EmulatorState): void {
  const now = new Date(state.now).getTime();
  clock.setTo(now);
  clock.hold(state.frozen ? now : null);
  emulator.set(state);
}

export const powers = <Answer>(path: string): Promise<Answer> => get<Answer>(`/__emulator/${path}`);

/** Uses a power, then looks at the state anew. */
export async function use(method: string, path: string, body?: unknown): Promise<unknown> {
  const response = await send(method, `/__emulator/${path}`, body);
  await learnEmulator();
  return response.json().catch(() => null);
}
