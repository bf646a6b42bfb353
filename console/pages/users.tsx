import { useEffect, useState } from 'preact/hooks';
import { call, get, query, wordsOf } from '../api.ts';
import { useNow } from '../clock.ts';
import { useLoad } from '../load.ts';
import { Copy, Empty, PageHead, say, When } from '../parts/bits.tsx';
import { Ask, Dialog, ErrorLine } from '../parts/dialog.tsx';
import { Pager } from '../parts/pager.tsx';
import { jobsAt } from '../router.ts';
import type { Page, User } from '../types.ts';

type Secret = { name: string; token: string };

/** Who may use the system, for admins. */
export function UsersPage() {
  const [cursors, setCursors] = useState<string[]>([]);
  const { value, error, reload } = useLoad<Page<User>>(`/v1/users${query({ cursor: cursors.at(-1), limit: 50 })}`);
  const [creating, setCreating] = useState(false);
  const [secret, setSecret] = useState<Secret | null>(null);
  const shown = (made: Secret) => {
    setSecret(made);
    reload();
  };
  return (
    <>
      <PageHead title="Users">
        <button type="button" class="primary" onClick={() => setCreating(true)}>
          Create a user…
        </button>
      </PageHead>
      {error && <p class="error">{error}</p>}
      {value?.items.length === 0 ? (
        <Empty title="There are no users yet.">
          Create one for each program or person, so that each has its own limit.
        </Empty>
      ) : (
        <UserTable users={value?.items ?? []} onChange={reload} onSecret={shown} />
      )}
      <Pager cursors={cursors} next={value?.next_cursor} onTurn={setCursors} />
      {creating && <Create onClose={() => setCreating(false)} onMade={shown} />}
      {secret && <Token secret={secret} onClose={() => setSecret(null)} />}
    </>
  );
}

interface TableProps {
  users: User[];
  onChange(): void;
  onSecret(secret: Secret): void;
}

function UserTable({ users, onChange, onSecret }: TableProps) {
  const now = useNow();
  const [asking, setAsking] = useState<{ user: User; what: 'disable' | 'rotate' } | null>(null);
  const canRotate = useRoute('/v1/users/{id}/rotate');
  const close = () => setAsking(null);
  return (
    <div class="table-card">
      <table class="users">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Role</th>
            <th scope="col">Id</th>
            <th scope="col">Created</th>
            <th scope="col">State</th>
            <th scope="col">
              <span class="hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {users.map((user) => (
            <tr key={user.id} data-user={user.id} class={user.disabled_at ? 'off' : ''}>
              <td class="main">{user.name}</td>
              <td>{user.role}</td>
              <td>
                <a href={jobsAt({ owner_id: user.id })} title="The jobs of this user">
                  <code>{user.id}</code>
                </a>
              </td>
              <td data-label="created">
                <When at={user.created_at} now={now} />
              </td>
              <td>
                {user.disabled_at ? (
                  <>
                    disabled <When at={user.disabled_at} now={now} />
                  </>
                ) : (
                  'enabled'
                )}
              </td>
              <td class="row-actions">
                {!user.disabled_at && canRotate && (
                  <button type="button" class="small" onClick={() => setAsking({ user, what: 'rotate' })}>
                    New token…
                  </button>
                )}
                {!user.disabled_at && (
                  <button type="button" class="small danger" onClick={() => setAsking({ user, what: 'disable' })}>
                    Disable…
                  </button>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {asking?.what === 'disable' && (
        <Ask
          title={`Disable ${asking.user.name}?`}
          action="Disable"
          danger
          onClose={close}
          onYes={async () => {
            await call('POST', `/v1/users/${asking.user.id}/disable`);
            say(`${asking.user.name} is disabled.`);
            onChange();
          }}
        >
          <p>Its token is worth nothing from then on, and there is no way back. Its jobs stay and run.</p>
        </Ask>
      )}
      {asking?.what === 'rotate' && (
        <Ask
          title={`A new token for ${asking.user.name}?`}
          action="Make a new token"
          danger
          onClose={close}
          onYes={async () => {
            const made = await call<User & { token: string }>('POST', `/v1/users/${asking.user.id}/rotate`);
            onSecret({ name: asking.user.name, token: made.token });
          }}
        >
          <p>The token it has now is worth nothing from then on.</p>
        </Ask>
      )}
    </div>
  );
}

/** Whether the service has a route, by its own description. */
function useRoute(path: string): boolean {
  const [has, setHas] = useState(false);
  useEffect(() => {
    get<{ paths: object }>('/openapi.json').then(
      ({ paths }) => setHas(Object.hasOwn(paths, path)),
      () => {},
    );
  }, [path]);
  return has;
}

function Create({ onClose, onMade }: { onClose(): void; onMade(secret: Secret): void }) {
  const [form, setForm] = useState({ name: '', role: 'user' });
  const [error, setError] = useState('');
  const submit = async (event: Event) => {
    event.preventDefault();
    try {
      onMade(await call<Secret>('POST', '/v1/users', form));
      onClose();
    } catch (failure) {
      setError(wordsOf(failure));
    }
  };
  return (
    <Dialog title="Create a user" onClose={onClose}>
      <form onSubmit={submit}>
        <label class="field">
          <span>Name</span>
          <input
            name="name"
            required
            maxLength={100}
            value={form.name}
            onInput={(e) => setForm({ ...form, name: e.currentTarget.value })}
          />
        </label>
        <label class="field">
          <span>Role</span>
          <select name="role" value={form.role} onChange={(e) => setForm({ ...form, role: e.currentTarget.value })}>
            <option value="user">user: its own jobs</option>
            <option value="admin">admin: everything</option>
          </select>
        </label>
        <ErrorLine text={error} />
        <div class="actions">
          <button type="button" onClick={onClose}>
            Close
          </button>
          <button type="submit" class="primary">
            Create
          </button>
        </div>
      </form>
    </Dialog>
  );
}

const Token = ({ secret, onClose }: { secret: Secret; onClose(): void }) => (
  <Dialog title={`The token of ${secret.name}`} onClose={onClose}>
    <p>It is shown this once: only its digest is kept.</p>
    <p class="token">
      <Copy text={secret.token} label="the token" />
    </p>
    <div class="actions">
      <button type="button" class="primary" onClick={onClose}>
        I have kept it
      </button>
    </div>
  </Dialog>
);
