import { ahead } from '../format.ts';
import type { EmulatorState } from './state.ts';

/** What the emulator does to the system just now, told on every page: why nothing moves may be found here. */
export function Flags({ state }: { state: EmulatorState }) {
  const flags = [
    state.frozen ? 'the clock stands' : Math.abs(state.offset_ms) >= 1000 && `the clock is ${ahead(state.offset_ms)}`,
    !state.crons && 'crons are off',
    !state.claiming && 'workers claim nothing',
    !state.build.ok && 'the build failed, and the code of before runs on',
  ].filter(Boolean);
  if (flags.length === 0) return null;
  return (
    <a class={state.build.ok ? 'flags' : 'flags bad'} href="#/emulator">
      Emulator: {flags.join('; ')}
    </a>
  );
}
