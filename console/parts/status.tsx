import type { Status } from '../types.ts';

/** The order in which people read them. */
export const order: readonly Status[] = ['pending', 'running', 'failed', 'dlq', 'done', 'cancelled'];
export const names: Record<Status, string> = {
  pending: 'Pending',
  running: 'Running',
  failed: 'Failed',
  dlq: 'Dead-letter',
  done: 'Done',
  cancelled: 'Cancelled',
};

// Each status has a shape of its own, so that none is told by its colour alone.
const shapes: Record<Status, string> = {
  pending: 'M8 3.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9Zm0 2a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5Z',
  running: 'M5 3.5v9l7.5-4.5Z',
  failed: 'M8 2.5 14 13H2Zm-.8 4v3.2h1.6V6.500Zm0 4.200v1.400h1.600v-1.400Z',
  dlq: 'M5.700 2.500h4.600l3.200 3.200v4.600l-3.200 3.200H5.700l-3.200-3.200V5.700Zm-.2 4.500v2h5V7Z',
  done: 'm3 8.500 1.500-1.500 2.500 2.500L12 4.500 13.500 6 7 12.500Z',
  cancelled:
    'm4.500 3.200 3.500 3.500 3.500-3.500 1.300 1.300L9.300 8l3.500 3.500-1.300 1.300L8 9.300l-3.500 3.500-1.300-1.300L6.700 8 3.200 4.500Z',
};

export const StatusIcon = ({ status }: { status: Status }) => (
  <svg class={`icon status-${status}`} viewBox="0 0 16 16" aria-hidden="true">
    <path fill-rule="evenodd" d={shapes[status]} />
  </svg>
);

export const StatusBadge = ({ status }: { status: Status }) => (
  <span class={`badge status-${status}`} data-status={status}>
    <StatusIcon status={status} />
    {names[status]}
  </span>
);
