import { useEffect, useState } from 'preact/hooks';
import { call, wordsOf } from '../api.ts';
import { useLoad } from '../load.ts';
import { Card, PageHead, Prose, say } from '../parts/bits.tsx';
import { ErrorLine } from '../parts/dialog.tsx';
import { type Entries, entriesOf, payloadOf, SchemaForm } from '../parts/schema-form.tsx';
import { go } from '../router.ts';
import type { Job, TaskInfo } from '../types.ts';

const options = [
  { name: 'delay_ms', label: 'Delay, ms', min: 0, max: 315_532_800_000, placeholder: 'now' },
  { name: 'max_retries', label: 'Retries', min: 0, max: 100, placeholder: '3' },
  { name: 'priority', label: 'Priority', min: -1000, max: 1000, placeholder: '0' },
  { name: 'timeout_ms', label: 'Timeout, ms', min: 1, max: 86_400_000, placeholder: 'the default' },
] as const;

/** A form for a job, made from the schema of the chosen task. It begins as the task's example, or as the address says. */
export function SchedulePage({ search }: { search: URLSearchParams }) {
  const { value, error } = useLoad<{ items: TaskInfo[] }>('/v1/tasks');
  const [chosen, setChosen] = useState(search.get('task_type') ?? '');
  const task = value?.items.find(({ type }) => type === chosen) ?? value?.items[0];
  return (
    <>
      <PageHead title="Schedule a job" />
      {error && <p class="error">{error}</p>}
      {value && task && (
        <>
          <fieldset class="choices">
            <legend class="hidden">Task</legend>
            {value.items.map(({ type, summary }) => (
              <label key={type}>
                <input
                  type="radio"
                  name="task_type"
                  value={type}
                  checked={type === task.type}
                  onChange={() => setChosen(type)}
                />
                <b>{type}</b>
                <small>
                  <Prose text={summary} />
                </small>
              </label>
            ))}
          </fieldset>
          <TaskForm key={task.type} task={task} given={task.type === search.get('task_type') ? search : undefined} />
        </>
      )}
    </>
  );
}

function TaskForm({ task, given }: { task: TaskInfo; given?: URLSearchParams | undefined }) {
  const [entries, setEntries] = useState<Entries>(() => {
    const example = entriesOf(task.payload, task.example);
    return Object.fromEntries(Object.entries(example).map(([name, value]) => [name, given?.get(name) ?? value]));
  });
  const [raw, setRaw] = useState<string | null>(null);
  const [more, setMore] = useState<Record<string, string>>({});
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  useEffect(() => setError(''), [entries, raw, more]);
  const payload = () => (raw === null ? payloadOf(task.payload, entries) : parsed(raw));
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    try {
      const { idempotency_key, ...numbers } = more;
      const body = {
        task_type: task.type,
        payload: payload(),
        ...Object.fromEntries(Object.entries(numbers).flatMap(([k, v]) => (v === '' ? [] : [[k, Number(v)]]))),
        ...(idempotency_key && { idempotency_key }),
      };
      const job = await call<Job>('POST', '/v1/jobs', body);
      say('The job is scheduled.');
      go(`#/jobs/${job.id}`);
    } catch (failure) {
      setError(wordsOf(failure));
      setBusy(false);
    }
  };
  const swap = () => {
    try {
      if (raw === null) setRaw(JSON.stringify(payload(), null, 2));
      else {
        setEntries(entriesOf(task.payload, parsed(raw)));
        setRaw(null);
      }
    } catch (failure) {
      setError(wordsOf(failure));
    }
  };
  const change = (name: string) => (event: { currentTarget: { value: string } }) =>
    setMore({ ...more, [name]: event.currentTarget.value });
  return (
    <form class="schedule" onSubmit={submit}>
      <Card
        title="Payload"
        aside={
          <button type="button" class="small" aria-pressed={raw !== null} onClick={swap}>
            {raw === null ? 'As JSON' : 'As a form'}
          </button>
        }
      >
        {raw === null ? (
          <SchemaForm schema={task.payload} entries={entries} onChange={setEntries} />
        ) : (
          <label class="field">
            <span class="hidden">Payload as JSON</span>
            <textarea
              name="payload"
              rows={12}
              value={raw}
              spellcheck={false}
              onInput={(e) => setRaw(e.currentTarget.value)}
            />
          </label>
        )}
      </Card>
      <Card title="When and how">
        <div class="pair">
          {options.map(({ name, label, min, max, placeholder }) => (
            <label key={name} class="field">
              <span>{label}</span>
              <input
                name={name}
                type="number"
                {...{ min, max, placeholder }}
                value={more[name] ?? ''}
                onInput={change(name)}
              />
            </label>
          ))}
        </div>
        <label class="field">
          <span>Idempotency key</span>
          <input
            name="idempotency_key"
            maxLength={255}
            placeholder="none"
            value={more.idempotency_key ?? ''}
            onInput={change('idempotency_key')}
          />
        </label>
        <ErrorLine text={error} />
        <div class="actions">
          <button type="submit" class="primary" disabled={busy}>
            Schedule
          </button>
        </div>
      </Card>
    </form>
  );
}

function parsed(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    throw new Error(`The payload is not JSON: ${(error as Error).message}`);
  }
}
