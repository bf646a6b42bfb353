import { useRef, useState } from 'preact/hooks';
import { useNow } from '../clock.ts';
import { Card, Copy, Empty, Json, When } from '../parts/bits.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { tryPower, useItems } from './poll.ts';
import { powers } from './state.ts';

interface Mail {
  id: string;
  at: string;
  from: string;
  to: string[];
  subject: string;
  text?: string;
}

/** Mails that sendEmail would have sent. */
export function Mailbox() {
  const now = useNow();
  const [mails, look] = useItems<Mail>('mailbox');
  const [open, setOpen] = useState<Mail | null>(null);
  const clear = async () => {
    await tryPower('DELETE', 'mailbox', undefined, 'The mailbox is empty.');
    look();
  };
  return (
    <Card title="Mailbox" aside={<Clear shown={mails.length > 0} onClick={clear} />}>
      {mails.length === 0 ? (
        <Empty title="No mail yet.">What sendEmail sends arrives here, while EMAIL_URL is not set.</Empty>
      ) : (
        <ul class="lines">
          {mails.map((mail) => (
            <li key={mail.id}>
              <button
                type="button"
                class="link"
                onClick={async () => setOpen(await powers<Mail>(`mailbox/${mail.id}`))}
              >
                {mail.subject}
              </button>
              <span class="faint">to {mail.to.join(', ')}</span>
              <span class="end faint">
                <When at={mail.at} now={now} />
              </span>
            </li>
          ))}
        </ul>
      )}
      {open && (
        <Dialog title={open.subject} onClose={() => setOpen(null)}>
          <p class="faint">
            from {open.from} to {open.to.join(', ')}
          </p>
          <Json value={open.text ?? ''} label="The text" />
          <div class="actions">
            <button type="button" onClick={() => setOpen(null)}>
              Close
            </button>
          </div>
        </Dialog>
      )}
    </Card>
  );
}

const Clear = ({ shown, onClick }: { shown: boolean; onClick(): void }) => (
  <button type="button" class="small" hidden={!shown} onClick={onClick}>
    Empty
  </button>
);

interface Bin {
  name: string;
  url: string;
  status: number;
  delay_ms: number;
  headers?: Record<string, string>;
  requests: number;
}

interface Received {
  id: string;
  at: string;
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string;
}

/** Receivers for webhooks that answer as they are told. */
export function Bins() {
  const [bins] = useItems<Bin>('bins');
  const [form, setForm] = useState({ name: 'hook', status: '200', delay_ms: '0', retry_after: '' });
  const [open, setOpen] = useState<string | null>(null);
  const element = useRef<HTMLFormElement>(null);
  const change = (name: keyof typeof form) => (event: { currentTarget: { value: string } }) =>
    setForm({ ...form, [name]: event.currentTarget.value });
  const submit = (event: Event) => {
    event.preventDefault();
    const headers = form.retry_after ? { 'retry-after': form.retry_after } : undefined;
    const answer = { status: Number(form.status), delay_ms: Number(form.delay_ms), headers };
    void tryPower('PUT', `bins/${encodeURIComponent(form.name)}`, answer, `${form.name} answers ${form.status} now.`);
  };
  const edit = (bin: Bin) => {
    const { name, status, delay_ms } = bin;
    setForm({ name, status: String(status), delay_ms: String(delay_ms), retry_after: retryAfter(bin) });
    element.current?.querySelector<HTMLInputElement>('[name=status]')?.focus();
  };
  return (
    <Card title="Webhook bins">
      <form class="power-row" ref={element} onSubmit={submit}>
        <input
          aria-label="Name"
          name="bin"
          required
          maxLength={64}
          pattern="[A-Za-z0-9_.\-]+"
          title="letters, digits, _, . and -"
          value={form.name}
          onInput={change('name')}
        />
        <label>
          answers{' '}
          <input
            name="status"
            type="number"
            min={200}
            max={599}
            required
            value={form.status}
            onInput={change('status')}
          />
        </label>
        <label>
          after <input name="delay" type="number" min={0} required value={form.delay_ms} onInput={change('delay_ms')} />{' '}
          ms
        </label>
        <label>
          Retry-After{' '}
          <input
            name="retry_after"
            type="number"
            min={0}
            placeholder="none"
            value={form.retry_after}
            onInput={change('retry_after')}
          />{' '}
          s
        </label>
        <button type="submit">Set</button>
      </form>
      {bins.length === 0 ? (
        <Empty title="No bins yet.">Set one, and use its address as the url of a webhook.</Empty>
      ) : (
        <ul class="lines">
          {bins.map((bin) => (
            <li key={bin.name}>
              <b>{bin.name}</b>
              <span>
                answers {bin.status}
                {bin.delay_ms > 0 && ` after ${bin.delay_ms} ms`}
                {retryAfter(bin) && `, Retry-After ${retryAfter(bin)} s`}
              </span>
              <button type="button" class="link end" onClick={() => setOpen(bin.name)}>
                {bin.requests} received
              </button>
              <Copy text={bin.url} label="the address" />
              <span class="bin-actions">
                <button type="button" class="link" onClick={() => edit(bin)}>
                  Change
                </button>
                <a href={`#/schedule?${new URLSearchParams({ task_type: 'webhook', url: bin.url })}`}>
                  Schedule a webhook to it
                </a>
              </span>
            </li>
          ))}
        </ul>
      )}
      {open && <Contents name={open} onClose={() => setOpen(null)} />}
    </Card>
  );
}

const retryAfter = ({ headers }: Bin): string => headers?.['retry-after'] ?? '';

function Contents({ name, onClose }: { name: string; onClose(): void }) {
  const now = useNow();
  const path = `bins/${encodeURIComponent(name)}/requests`;
  const [received, look] = useItems<Received>(path);
  const clear = async () => {
    await tryPower('DELETE', path, undefined);
    look();
  };
  return (
    <Dialog title={`What ${name} received`} onClose={onClose}>
      {received.length === 0 && <Empty title="Nothing yet." />}
      {received.slice(0, 20).map((one) => (
        <details key={one.id}>
          <summary>
            {one.method} <code>{one.headers['webhook-id']}</code> <When at={one.at} now={now} />
          </summary>
          <Json value={{ headers: one.headers, body: one.body }} label="The request" />
        </details>
      ))}
      <div class="actions">
        <Clear shown={received.length > 0} onClick={clear} />
        <button type="button" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
