import { statuses } from '../../core/lifecycle/states.ts';
import type { System } from './system.ts';

/** The report as a fresh count of the jobs gives it. */
export function counted({ db }: System, owner: string | null) {
  const where = owner === null ? '' : `WHERE owner_id = '${owner}'`;
  const rows = db.prepare(`SELECT status, task_type, count(*) AS n FROM jobs ${where} GROUP BY 1, 2`).all();
  const counts = Object.fromEntries(statuses.map((status) => [status, {} as Record<string, number>]));
  const totals = Object.fromEntries(statuses.map((status) => [status, 0]));
  for (const { status, task_type, n } of rows as { status: string; task_type: string; n: number }[]) {
    counts[status] = { ...counts[status], [task_type]: n };
    totals[status] = (totals[status] ?? 0) + n;
  }
  const buried = db.prepare(`SELECT id, owner_id, status FROM jobs ${where} ORDER BY seq DESC`).all();
  const inDlq = (buried as { id: string; status: string }[]).filter(({ status }) => status === 'dlq');
  return { counts, totals, buried: inDlq.map(({ id }) => id) };
}

/** The report as the API shows it to the owner of a token. */
export async function shown(system: System, token: string) {
  const { json } = await system.call('GET', '/v1/jobs/report', undefined, { token });
  return { counts: json.counts, totals: json.totals, buried: json.dlqItems.map(({ id }: { id: string }) => id) };
}
