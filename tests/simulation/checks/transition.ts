import { isAllowed } from '../../../core/lifecycle/states.ts';
import type { Host } from '../world/host.ts';
import { rules } from './edges.ts';
import type { Entry, LogRow, Row } from './ledger.ts';
import type { Observer } from './observer.ts';

/** Checks a transition: against the row before, the row after (none where it was pruned), and the rules of its event. */
export function checkTransition(observer: Observer, host: Host, entry: Entry, log: LogRow, after?: Row): void {
  const { row: was } = entry;
  const { breach, settings } = observer;
  const { event, from_status: from, to_status: to, epoch, worker } = log;
  const name = `job ${was.seq} (${event}, epoch ${epoch})`;
  observer.world.note(`  job ${was.seq} ${event} ${from}>${to} epoch ${epoch} by ${worker ?? host.name}`);
  if (from !== was.status) breach(6, `${name} leaves ${from}, but it was ${was.status}`);
  if (to !== (after?.status ?? null)) breach(6, `${name} ends in ${to}, but it is ${after?.status}`);
  if (!isAllowed(was.status, to, event)) breach(7, `${name} from ${was.status} to ${to} is not in the table`);
  const is = after ?? was;
  const byHolder = observer.holds(host, was);
  const made = { was, log, is, entry, settings, byHolder, run: observer.runOf(is) };
  for (const [law, text, holds] of rules[event as keyof typeof rules] ?? [])
    if (!holds(made)) breach(law, `${name}: ${text}`);
  remember(observer, host, entry, log);
}

function remember(observer: Observer, host: Host, entry: Entry, { event, epoch, worker, data }: LogRow): void {
  if (event === 'claimed') {
    observer.holders.set(worker as string, host);
    entry.claims.set(worker as string, (entry.claims.get(worker as string) ?? 0) + 1);
  } else if (entry.row.status === 'running') {
    entry.outcomes.set(epoch as number, event === 'reclaimed' ? null : worker);
  }
  if (event === 'redriven' && data === null) entry.redrives += 1;
}
