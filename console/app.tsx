import { useEffect, useRef, useState } from 'preact/hooks';
import { signedIn, signOut, whenSignedOut } from './api.ts';
import { Flags } from './emulator/flags.tsx';
import { EmulatorPage } from './emulator/page.tsx';
import { usePolledState } from './emulator/poll.ts';
import { emulator, learnEmulator } from './emulator/state.ts';
import { shortId } from './format.ts';
import { connection, startLive } from './live.ts';
import { learnRole, role } from './me.ts';
import { JobPage } from './pages/job.tsx';
import { JobsPage } from './pages/jobs.tsx';
import { LogsPage } from './pages/logs.tsx';
import { Overview } from './pages/overview.tsx';
import { SchedulePage } from './pages/schedule.tsx';
import { SignIn } from './pages/sign-in.tsx';
import { UsersPage } from './pages/users.tsx';
import { Empty, Said } from './parts/bits.tsx';
import { Brand } from './parts/brand.tsx';
import { type Place, usePlace } from './router.ts';
import { useStore } from './store.ts';

export function App() {
  const [inside, setInside] = useState(signedIn());
  const [why, setWhy] = useState('');
  useEffect(() => {
    whenSignedOut((reason) => {
      role.set(null);
      setWhy(reason);
      setInside(false);
    });
    if (!signedIn()) return;
    void startLive();
    learnRole().catch(() => {});
  }, []);
  useEffect(() => {
    if (inside) void learnEmulator();
  }, [inside]);
  return inside ? <Shell /> : <SignIn why={why} onDone={() => setInside(true)} />;
}

interface Tab {
  at: string;
  name: string;
  hash: string;
}

function Shell() {
  const place = usePlace();
  const mine = useStore(role);
  const powers = useStore(emulator);
  const [at = '', id] = place.path;
  const tabs: Tab[] = [
    { at: '', name: 'Overview', hash: '#/' },
    { at: 'jobs', name: 'Jobs', hash: '#/jobs' },
    { at: 'schedule', name: 'Schedule', hash: '#/schedule' },
    { at: 'logs', name: 'Logs', hash: '#/logs' },
    ...(mine === 'admin' ? [{ at: 'users', name: 'Users', hash: '#/users' }] : []),
    ...(powers ? [{ at: 'emulator', name: 'Emulator', hash: '#/emulator' }] : []),
  ];
  const title = tabs.find((tab) => tab.at === at)?.name;
  useEffect(() => {
    document.title = [at === 'jobs' && id && `Job ${shortId(id)}`, title, 'Escapement'].filter(Boolean).join(' · ');
  }, [title, at, id]);
  usePolledState();
  useArrival(`${at}/${id ?? ''}`);
  return (
    <div class="shell">
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        Skip to the page
      </button>
      <header class="top">
        <Brand />
        <nav aria-label="Pages">
          {tabs.map((tab) => (
            <a key={tab.at} href={tab.hash} aria-current={tab.at === at ? 'page' : undefined}>
              {tab.name}
            </a>
          ))}
        </nav>
        <div class="top-end">
          <ConnectionLight />
          <button type="button" class="small" onClick={() => signOut()}>
            Sign out
          </button>
        </div>
      </header>
      {powers && at !== 'emulator' && <Flags state={powers} />}
      <main id="main" tabIndex={-1}>
        <Page place={place} />
      </main>
      <Said />
    </div>
  );
}

/** A new page begins at its top; where the focus went with the page before, it goes to this one. */
function useArrival(page: string): void {
  const before = useRef(page);
  useEffect(() => {
    document.querySelector('nav [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    if (before.current === page) return;
    before.current = page;
    scrollTo(0, 0);
    if (document.activeElement === document.body) document.getElementById('main')?.focus();
  }, [page]);
}

const words = { live: 'Live', connecting: 'Connecting', offline: 'Not reached' };

function ConnectionLight() {
  const state = useStore(connection);
  return (
    <span class="light" data-state={state} role="status">
      <i aria-hidden="true" />
      {words[state]}
    </span>
  );
}

function Page({ place: { path, search } }: { place: Place }) {
  const [first = '', second] = path;
  if (first === '') return <Overview />;
  if (first === 'jobs') return second ? <JobPage key={second} id={second} /> : <JobsPage key="jobs" search={search} />;
  if (first === 'schedule') return <SchedulePage key={String(search)} search={search} />;
  if (first === 'logs') return <LogsPage />;
  if (first === 'users') return <UsersPage />;
  if (first === 'emulator') return <EmulatorPage />;
  return (
    <Empty title="There is no such page.">
      <a href="#/">Go to the overview</a>
    </Empty>
  );
}
