import { useState } from 'preact/hooks';
import { useNow } from '../clock.ts';
import { duration } from '../format.ts';
import { Card, Empty, Json, When } from '../parts/bits.tsx';
import { Dialog, ErrorLine } from '../parts/dialog.tsx';
import { tryPower, useItems } from './poll.ts';

interface Kept {
  id: string;
  at: string;
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string | null;
  status: number;
  ms: number;
}

/** The newest requests, each of which can be sent again, changed or not. */
export function Requests() {
  const now = useNow();
  const [requests] = useItems<Kept>('requests');
  const [writes, setWrites] = useState(true);
  const [open, setOpen] = useState<Kept | null>(null);
  const shown = requests.filter(({ method }) => !writes || method !== 'GET');
  return (
    <Card
      title="Requests"
      aside={
        <label>
          <input type="checkbox" checked={writes} onChange={(event) => setWrites(event.currentTarget.checked)} /> only
          what writes
        </label>
      }
    >
      {shown.length === 0 ? (
        <Empty title="No requests yet.">Schedule something, here or with curl.</Empty>
      ) : (
        <ul class="lines">
          {shown.slice(0, 20).map((one) => (
            <li key={one.id}>
              <button type="button" class="link" onClick={() => setOpen(one)}>
                {one.method} {one.path}
              </button>
              <span class={one.status >= 400 ? 'error-text' : 'faint'}>{one.status}</span>
              <span class="faint">{duration(one.ms)}</span>
              <span class="end faint">
                <When at={one.at} now={now} />
              </span>
            </li>
          ))}
        </ul>
      )}
      {open && <Replay request={open} onClose={() => setOpen(null)} />}
    </Card>
  );
}

function Replay({ request, onClose }: { request: Kept; onClose(): void }) {
  const [body, setBody] = useState(pretty(request.body));
  const [error, setError] = useState('');
  const [answer, setAnswer] = useState<unknown>(undefined);
  const submit = async (event: Event) => {
    event.preventDefault();
    setError('');
    try {
      const change = body.trim() === '' ? {} : { body: JSON.parse(body) as unknown };
      setAnswer(await tryPower('POST', `requests/${request.id}/replay`, change));
    } catch (failure) {
      setError(`The body is not JSON: ${(failure as Error).message}`);
    }
  };
  return (
    <Dialog title={`${request.method} ${request.path}`} onClose={onClose}>
      <form onSubmit={submit}>
        <label class="field">
          <span>Body</span>
          <textarea rows={10} value={body} spellcheck={false} onInput={(event) => setBody(event.currentTarget.value)} />
        </label>
        <ErrorLine text={error} />
        {answer !== undefined && <Json value={answer} label="The answer" />}
        <div class="actions">
          <button type="button" onClick={onClose}>
            Close
          </button>
          <button type="submit" class="primary">
            Send again
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function pretty(body: string | null): string {
  try {
    return body ? JSON.stringify(JSON.parse(body), null, 2) : '';
  } catch {
    return body ?? '';
  }
}
