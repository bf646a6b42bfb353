import { useState } from 'preact/hooks';
import { useLoad } from '../load.ts';
import { Card } from '../parts/bits.tsx';
import type { TaskInfo } from '../types.ts';
import { tryPower, useItems } from './poll.ts';

type Fault =
  | { kind: 'fail'; task_type: string; times: number; error: string }
  | { kind: 'skew'; ms: number }
  | { kind: 'slow'; ms: number };

const textOf = (fault: Fault): string => {
  if (fault.kind === 'fail') return `the next ${fault.times} runs of ${fault.task_type} fail: ${fault.error}`;
  return fault.kind === 'skew'
    ? `the workers’ clock is ${fault.ms} ms off`
    : `the database takes ${fault.ms} ms longer`;
};

/** What can be made to go wrong. */
export function Faults() {
  const tasks = useLoad<{ items: TaskInfo[] }>('/v1/tasks').value?.items ?? [];
  const [faults, look] = useItems<Fault>('faults');
  const [form, setForm] = useState({ task_type: '', times: '1', kind: 'slow', ms: '200' });
  const change = (name: keyof typeof form) => (event: { currentTarget: { value: string } }) =>
    setForm({ ...form, [name]: event.currentTarget.value });
  const set = async (fault: object, done = '') => {
    await tryPower('POST', 'faults', fault, done);
    look();
  };
  const fail = (event: Event) => {
    event.preventDefault();
    const task_type = form.task_type || (tasks[0]?.type ?? '');
    void set({ kind: 'fail', task_type, times: Number(form.times), error: 'Asked for in the console' });
  };
  const hinder = (event: Event) => {
    event.preventDefault();
    void set({ kind: form.kind, ms: Number(form.ms) });
  };
  const clear = async () => {
    await tryPower('DELETE', 'faults', undefined, 'All faults are off.');
    look();
  };
  return (
    <Card
      title="Faults"
      aside={
        <button type="button" class="small" hidden={faults.length === 0} onClick={clear}>
          All off
        </button>
      }
    >
      <form class="power-row" onSubmit={fail}>
        <span>Fail the next</span>
        <input aria-label="How many" type="number" min={1} required value={form.times} onInput={change('times')} />
        <span>runs of</span>
        <select aria-label="Task" value={form.task_type || tasks[0]?.type} onChange={change('task_type')}>
          {tasks.map(({ type }) => (
            <option key={type}>{type}</option>
          ))}
        </select>
        <button type="submit">Set</button>
      </form>
      <form class="power-row" onSubmit={hinder}>
        <select aria-label="What" value={form.kind} onChange={change('kind')}>
          <option value="slow">slow database</option>
          <option value="skew">skewed clock</option>
        </select>
        <span>by</span>
        <input aria-label="Milliseconds" type="number" required value={form.ms} onInput={change('ms')} />
        <span>ms</span>
        <button type="submit">Set</button>
      </form>
      <div class="power-row">
        <button
          type="button"
          class="danger"
          onClick={() => set({ kind: 'kill' }, 'The worker is gone; its leases run out.')}
        >
          Kill the worker
        </button>
      </div>
      <ul class="lines" aria-live="polite">
        {faults.map((fault) => (
          <li key={textOf(fault)}>{textOf(fault)}</li>
        ))}
      </ul>
    </Card>
  );
}
