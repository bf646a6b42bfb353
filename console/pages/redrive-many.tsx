import { useState } from 'preact/hooks';
import { call, wordsOf } from '../api.ts';
import { number, shortId } from '../format.ts';
import { say } from '../parts/bits.tsx';
import { Dialog, ErrorLine } from '../parts/dialog.tsx';
import type { Job } from '../types.ts';

interface Matched {
  matched: number;
  redriven: number;
  sample: Job[];
}

/** Takes many jobs out of the dead-letter queue, after a rehearsal that changes nothing. */
export function RedriveMany({
  filters,
  onClose,
}: {
  filters: { task_type?: string; owner_id?: string };
  onClose(): void;
}) {
  const [form, setForm] = useState({
    task_type: filters.task_type ?? '',
    owner_id: filters.owner_id ?? '',
    error_contains: '',
    reason: '',
    limit: '100',
  });
  const [found, setFound] = useState<Matched | null>(null);
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const change = (name: keyof typeof form) => (event: { currentTarget: { value: string } }) => {
    setForm({ ...form, [name]: event.currentTarget.value });
    // Another filter is another question.
    if (name !== 'reason') setFound(null);
  };
  const ask = async (event: Event, dry_run: boolean) => {
    event.preventDefault();
    setBusy(true);
    setError('');
    const filled = Object.fromEntries(Object.entries(form).filter(([, value]) => value.trim() !== ''));
    try {
      const body = { ...filled, reason: form.reason || 'dry run', limit: Number(form.limit), dry_run };
      const answer = await call<Matched>('POST', '/v1/dlq/redrive', body);
      if (dry_run) setFound(answer);
      else {
        say(`${number(answer.redriven)} jobs are pending again.`);
        onClose();
      }
    } catch (failure) {
      setError(wordsOf(failure));
    }
    setBusy(false);
  };
  const many = found ? Math.min(found.matched, Number(form.limit)) : 0;
  return (
    <Dialog title="Redrive many jobs" onClose={onClose}>
      <form onSubmit={(event) => ask(event, found === null)}>
        <p class="faint">Jobs in the dead-letter queue that fit, oldest first. Look first: that changes nothing.</p>
        <div class="pair">
          <label class="field">
            <span>Task type</span>
            <input
              name="task_type"
              value={form.task_type}
              onInput={change('task_type')}
              maxLength={64}
              placeholder="any"
            />
          </label>
          <label class="field">
            <span>Owner</span>
            <input
              name="owner_id"
              value={form.owner_id}
              onInput={change('owner_id')}
              maxLength={64}
              placeholder="any"
            />
          </label>
          <label class="field">
            <span>Error contains</span>
            <input
              name="error_contains"
              value={form.error_contains}
              onInput={change('error_contains')}
              maxLength={200}
              placeholder="any"
            />
          </label>
          <label class="field">
            <span>At most</span>
            <input
              name="limit"
              type="number"
              min={1}
              max={1000}
              required
              value={form.limit}
              onInput={change('limit')}
            />
          </label>
        </div>
        {found && (
          <div class="found" role="status">
            <p>
              <b>{number(found.matched)}</b> {found.matched === 1 ? 'job fits' : 'jobs fit'}
              {found.matched > many && `; the oldest ${number(many)} would be redriven`}.
            </p>
            <ul>
              {found.sample.slice(0, 5).map((job) => (
                <li key={job.id}>
                  {job.task_type} {shortId(job.id)} <small>{job.error}</small>
                </li>
              ))}
            </ul>
          </div>
        )}
        {found && found.matched > 0 && (
          <label class="field">
            <span>Reason, for the log</span>
            <input name="reason" value={form.reason} onInput={change('reason')} maxLength={1000} required />
          </label>
        )}
        <ErrorLine text={error} />
        <div class="actions">
          <button type="button" onClick={onClose}>
            Close
          </button>
          {found === null ? (
            <button type="submit" class="primary" disabled={busy}>
              Dry run
            </button>
          ) : (
            <button type="submit" class="primary" disabled={busy || many === 0}>
              Redrive {number(many)}
            </button>
          )}
        </div>
      </form>
    </Dialog>
  );
}
