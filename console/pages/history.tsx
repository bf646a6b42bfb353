import { useEffect, useMemo, useState } from 'preact/hooks';
import { query } from '../api.ts';
import { clock, useNow } from '../clock.ts';
import { duration, number, rate } from '../format.ts';
import { tail } from '../live.ts';
import { useLoad } from '../load.ts';
import { Card, Empty, When } from '../parts/bits.tsx';
import { Plot, type Series } from '../parts/plot.tsx';
import { useStore } from '../store.ts';
import type { News, Snapshot, Snapshots } from '../types.ts';

const MINUTE = 60_000;
/** How far back, and one of how many minutes is shown. */
const ranges = [
  { name: '1 h', minutes: 60, every: 1 },
  { name: '6 h', minutes: 360, every: 5 },
  { name: '24 h', minutes: 1440, every: 15 },
  { name: '7 d', minutes: 10_080, every: 120 },
] as const;

const whole = (n: number): string => (n >= 10_000 ? `${number(Math.round(n / 1000))}k` : number(Math.round(n)));
const short = (ms: number): string => (ms === 0 ? '0' : duration(ms));

/** The plots, drawn from snapshots that are a minute apart, and when the ticks were last heard of. */
export function History({ fresh }: { fresh: News | null }) {
  const [range, setRange] = useState<(typeof ranges)[number]>(ranges[0]);
  const [minute, setMinute] = useState(() => Math.floor(clock.now() / MINUTE));
  const now = useNow();
  // A few seconds into the minute its snapshot is there.
  const current = Math.floor((now - 4000) / MINUTE);
  useEffect(() => setMinute(current), [current]);
  const since = new Date((minute - range.minutes) * MINUTE).toISOString();
  const { value, error } = useLoad<Snapshots>(`/v1/dumps${query({ since, every: range.every })}`);
  const choose = (
    <fieldset class="segments" aria-label="How far back">
      {ranges.map((one) => (
        <button key={one.name} type="button" aria-pressed={one === range} onClick={() => setRange(one)}>
          {one.name}
        </button>
      ))}
    </fieldset>
  );
  return (
    <>
      <Card title="History" aside={choose}>
        {error && <p class="error">{error}</p>}
        {value && value.items.length < 2 ? (
          <Empty title="There are not two snapshots in this time yet.">
            The coordinator takes one a minute, and keeps it for DUMP_RETENTION_DAYS.
          </Empty>
        ) : (
          <Plots items={value?.items ?? []} />
        )}
      </Card>
      {value && <Ticks value={value} fresh={fresh} now={now} />}
    </>
  );
}

function Plots({ items }: { items: Snapshot[] }) {
  const { times, throughput, latency, backlog } = useMemo(() => linesOf(items), [items]);
  return (
    <div class="plots">
      <Plot title="Throughput" times={times} series={throughput} format={rate} />
      <Plot title="Latency" times={times} series={latency} format={short} least={1} />
      <Plot title="Backlog" times={times} series={backlog} format={whole} least={1} />
    </div>
  );
}

function linesOf(items: Snapshot[]) {
  const per = (event: string) =>
    items.map(({ events, span_ms }) => (span_ms > 0 ? ((events[event] ?? 0) / span_ms) * 1000 : null));
  const total = (status: 'pending' | 'failed' | 'dlq') => items.map(({ totals }) => totals[status]);
  const throughput: Series[] = [
    { label: 'done', colour: '--done', values: per('done') },
    { label: 'failed', colour: '--failed', values: per('failed'), dash: [5, 3] },
  ];
  const latency: Series[] = [
    { label: 'wait p95', colour: '--pending', values: items.map(({ wait_ms }) => wait_ms?.p95 ?? null) },
    { label: 'run p95', colour: '--running', values: items.map(({ run_ms }) => run_ms?.p95 ?? null), dash: [5, 3] },
  ];
  const backlog: Series[] = [
    { label: 'pending', colour: '--pending', values: total('pending') },
    { label: 'failed', colour: '--failed', values: total('failed'), dash: [5, 3] },
    { label: 'dead-letter', colour: '--dlq', values: total('dlq'), dash: [2, 3] },
  ];
  return { times: items.map(({ at }) => Date.parse(at) / 1000), throughput, latency, backlog };
}

/** Ticks write nothing while they idle, so this is what is known of them: the newest snapshot, and the newest claim. */
function Ticks({ value, fresh, now }: { value: Snapshots; fresh: News | null; now: number }) {
  const seen = useStore(tail).find(({ event }) => event === 'claimed')?.at ?? null;
  const claimed = [seen, value.claimed_at].filter(Boolean).sort().at(-1) ?? null;
  const silent = value.coordinated_at === null || now - Date.parse(value.coordinated_at) > 3 * MINUTE;
  return (
    <dl class="ticks">
      <div class={silent ? 'bad' : ''}>
        <dt>coordinate</dt>
        <dd>
          {value.coordinated_at ? (
            <>
              took its last snapshot <When at={value.coordinated_at} now={now} />
            </>
          ) : (
            'has not taken a snapshot yet'
          )}
          {silent && value.coordinated_at && ': is a coordinator running?'}
        </dd>
      </div>
      <div>
        <dt>process-batch</dt>
        <dd>
          {claimed ? (
            <>
              last claimed a job <When at={claimed} now={now} />
            </>
          ) : (
            'has not claimed a job yet'
          )}
          {fresh && fresh.totals.running > 0 && `; ${number(fresh.totals.running)} running`}
        </dd>
      </div>
    </dl>
  );
}
