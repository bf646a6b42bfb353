import type { Audit } from '../checks/audit.ts';

/** What a scenario came to. */
export interface Figures {
  scenario: string;
  seconds: number;
  acknowledged: number;
  answers: Record<string, number>;
  replays: number;
  kills: number;
  freezes: number;
  /** Starts that ended with a line of refusal. */
  refused: number;
  /** From the end of the last fault until every due job was settled, in milliseconds. */
  recovery_ms: number;
  jobs: Record<string, number>;
  events: Record<string, number>;
  lost: number;
  doubled: number;
  reruns: number;
  integrity: string;
  /** What only this scenario counts. */
  more: Record<string, number | string>;
  complaints: Record<string, number>;
  problems: string[];
}

export const noAudit: Audit = {
  ...{ jobs: {}, lost: 0, doubled: 0, reruns: 0, events: {}, integrity: '–', problems: [] },
};

/** Of a scenario that has not done anything yet. */
export const emptyFigures = (scenario: string): Figures => ({
  ...{ scenario, seconds: 0, acknowledged: 0, answers: {}, replays: 0, kills: 0, freezes: 0, refused: 0 },
  ...{ recovery_ms: 0, more: {}, complaints: {} },
  ...{ ...noAudit, problems: [] },
});

const n = (value: number | undefined): string => (value ?? 0).toLocaleString('en-US');

const lines: Record<string, (figures: Figures) => string> = {
  'jobs acknowledged': ({ acknowledged }) => n(acknowledged),
  '  done': ({ jobs }) => n(jobs.done),
  '  in the dead-letter queue': ({ jobs }) => n(jobs.dlq),
  '  cancelled': ({ jobs }) => n(jobs.cancelled),
  lost: ({ lost }) => n(lost),
  'outcomes doubled': ({ doubled }) => n(doubled),
  'repeats, answered with the same job': ({ replays }) => n(replays),
  'requests without an answer': ({ answers }) => n(answers.none),
  'answers 503 and 507': ({ answers }) => n((answers[503] ?? 0) + (answers[507] ?? 0)),
  kills: ({ kills }) => n(kills),
  freezes: ({ freezes }) => n(freezes),
  claims: ({ events }) => n(events.claimed),
  'leases reclaimed': ({ events }) => n(events.reclaimed),
  'stale writes refused': ({ events }) => n(events.stale),
  'webhooks run again': ({ reruns }) => n(reruns),
  'restarts refused': ({ refused }) => n(refused),
  'recovery after the last fault': ({ recovery_ms }) => `${(recovery_ms / 1000).toFixed(1)} s`,
  integrity_check: ({ integrity }) => integrity,
  time: ({ seconds }) => `${seconds.toFixed(0)} s`,
};

/** The figures of some scenarios as a table for people: a column each, and below what each of them counts alone. */
export function tableOf(all: readonly Figures[]): string {
  const rows = [
    ['', ...all.map(({ scenario }) => scenario)],
    ...Object.entries(lines).map(([name, cell]) => [name, ...all.map(cell)]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const text = rows.map(([name = '', ...cells]) =>
    [name.padEnd(widths[0] ?? 0), ...cells.map((cell, i) => cell.padStart(widths[i + 1] ?? 0))].join('  '),
  );
  const own = all.flatMap(({ scenario, more, complaints }) => [
    ...Object.entries(more).map(([what, count]) => `${scenario}: ${what}: ${count}`),
    ...Object.entries(complaints).map(([what, count]) => `${scenario}: logged: ${what}: ${count}`),
  ]);
  return [...text, '', ...own].join('\n');
}
