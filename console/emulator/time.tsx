import { useState } from 'preact/hooks';
import { useNow } from '../clock.ts';
import { ago, ahead, shortId } from '../format.ts';
import { Card, Empty } from '../parts/bits.tsx';
import { tryPower, useItems } from './poll.ts';
import type { EmulatorState } from './state.ts';

interface Coming {
  at: string;
  kind: string;
  job_id: string | null;
  task_type: string | null;
  text: string;
}

const units = { ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const jumps = [
  { name: '+1 min', ms: units.min },
  { name: '+10 min', ms: 10 * units.min },
  { name: '+2 h', ms: 2 * units.h },
] as const;

/** The clock: held, moved on, or moved to what comes next. */
export function Time({ state }: { state: EmulatorState }) {
  const now = useNow();
  const [amount, setAmount] = useState('1');
  const [unit, setUnit] = useState<keyof typeof units>('h');
  const [agenda] = useItems<Coming>('agenda');
  const [moving, setMoving] = useState(false);
  const act = async (action: string, ms?: number) => {
    setMoving(true);
    const body = { action, ...(ms !== undefined && { ms }) };
    await tryPower('POST', 'time', body, action === 'freeze' ? 'The clock stands.' : '');
    setMoving(false);
  };
  const shown = new Date(now);
  return (
    <Card
      title="Time"
      aside={<span class="faint">{moving ? 'moving…' : state.frozen ? 'frozen' : ahead(state.offset_ms)}</span>}
    >
      <p class="clock">
        <time dateTime={shown.toISOString()}>{shown.toISOString().replace('T', ' ').slice(0, 19)}</time>
      </p>
      <div class="power-row">
        <button type="button" aria-pressed={state.frozen} onClick={() => act(state.frozen ? 'resume' : 'freeze')}>
          {state.frozen ? 'Let it run' : 'Freeze'}
        </button>
        <button type="button" disabled={moving} onClick={() => act('step', 1000)}>
          Step 1 s
        </button>
        {jumps.map(({ name, ms }) => (
          <button key={name} type="button" disabled={moving} onClick={() => act('jump', ms)}>
            {name}
          </button>
        ))}
      </div>
      <form
        class="power-row"
        onSubmit={(event) => {
          event.preventDefault();
          void act('jump', Math.round(Number(amount) * units[unit]));
        }}
      >
        <input
          type="number"
          name="jump"
          aria-label="How far"
          min={0}
          step="any"
          required
          value={amount}
          onInput={(event) => setAmount(event.currentTarget.value)}
        />
        <select aria-label="Unit" value={unit} onChange={(e) => setUnit(e.currentTarget.value as keyof typeof units)}>
          {Object.keys(units).map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
        <button type="submit" disabled={moving}>
          Jump ahead
        </button>
      </form>
      <div class="card-head">
        <h3>Agenda</h3>
        <button
          type="button"
          class="small primary"
          disabled={moving || agenda.length === 0}
          onClick={() => act('next')}
        >
          To the next event
        </button>
      </div>
      {agenda.length === 0 ? (
        <Empty title="Nothing is to come.">Jobs that wait, leases and retries stand here.</Empty>
      ) : (
        <ol class="lines">
          {agenda.slice(0, 12).map((item) => (
            <li key={`${item.at}${item.kind}${item.job_id}`}>
              <Sentence item={item} />
              <time class="end faint" dateTime={item.at} title={item.at}>
                {ago(now - Date.parse(item.at))}
              </time>
            </li>
          ))}
        </ol>
      )}
    </Card>
  );
}

/** What will happen, in which the job is a link. */
function Sentence({ item: { text, job_id } }: { item: Coming }) {
  if (!job_id) return <span>{text}</span>;
  const [before, after] = text.split(job_id);
  return (
    <span>
      {before}
      <a href={`#/jobs/${job_id}`} title={job_id}>
        {shortId(job_id)}
      </a>
      {after}
    </span>
  );
}

/** What runs by itself, and what is run by hand. */
export function Switches({ state }: { state: EmulatorState }) {
  const tick = async (name: string) => {
    const counts = (await tryPower('POST', `ticks/${name}`, {})) as Record<string, number> | undefined;
    if (counts) setRan(`${name}: ${wordsOf(counts)}`);
  };
  const [ran, setRan] = useState('');
  return (
    <Card title="Ticks">
      <div class="power-row">
        {['process-batch', 'coordinate'].map((name) => (
          <button key={name} type="button" onClick={() => tick(name)}>
            Run {name}
          </button>
        ))}
      </div>
      <p class="faint" role="status">
        {ran || 'A tick can be run at any time; it does what is due and no more.'}
      </p>
      <label class="check">
        <input
          type="checkbox"
          checked={state.crons}
          onChange={(event) => tryPower('POST', 'crons', { on: event.currentTarget.checked })}
        />{' '}
        Crons run by themselves
      </label>
      <label class="check">
        <input
          type="checkbox"
          checked={state.claiming}
          onChange={(event) => tryPower('POST', 'claiming', { on: event.currentTarget.checked })}
        />{' '}
        Workers claim jobs
      </label>
    </Card>
  );
}

function wordsOf({ next_at: _, joined: __, ...counts }: Record<string, number>): string {
  const done = Object.entries(counts).filter(([, n]) => n > 0);
  return done.length > 0 ? done.map(([name, n]) => `${n} ${name}`).join(', ') : 'nothing was due';
}
