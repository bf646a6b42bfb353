import { time } from '../format.ts';
import { Card, Empty, Json, PageHead } from '../parts/bits.tsx';
import { useStore } from '../store.ts';
import { Faults } from './faults.tsx';
import { Bins, Mailbox } from './post.tsx';
import { Requests } from './requests.tsx';
import { type EmulatorState, emulator } from './state.ts';
import { Switches, Time } from './time.tsx';

/** What only the emulator has: power over time, ticks, faults, and what went out. */
export function EmulatorPage() {
  const state = useStore(emulator);
  if (!state)
    return (
      <Empty title="This is no emulator.">
        These powers belong to <code>npm run dev</code>; a system that serves people has none of them.
      </Empty>
    );
  return (
    <>
      <PageHead title="Emulator">
        <span class="faint">runs in {state.runtime}</span>
      </PageHead>
      <Build build={state.build} />
      <div class="columns">
        <div class="stack">
          <Time state={state} />
          <Switches state={state} />
          <Faults />
        </div>
        <div class="stack">
          <Mailbox />
          <Bins />
          <Requests />
        </div>
      </div>
    </>
  );
}

const Build = ({ build }: { build: EmulatorState['build'] }) =>
  build.ok ? null : (
    <Card title={`The build failed${build.at ? ` at ${time(build.at, Date.now())}` : ''}; the code of before runs on`}>
      <Json value={build.error ?? ''} label="What the build says" />
    </Card>
  );
