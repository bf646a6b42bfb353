/** A duration in the largest unit that leaves a figure or two: `340 ms`, `4.2 s`, `42 s`, `12 min`, `3 h`, `5 d`. */
export function duration(ms: number): string {
  const abs = Math.abs(ms);
  if (abs < 1000) return `${Math.round(abs)} ms`;
  if (abs < 9950) return `${(abs / 1000).toFixed(1)} s`;
  if (abs < 119_500) return `${Math.round(abs / 1000)} s`;
  if (abs < 7_170_000) return `${Math.round(abs / 60_000)} min`;
  if (abs < 172_000_000) return `${Math.round(abs / 3_600_000)} h`;
  return `${Math.round(abs / 86_400_000)} d`;
}

/** How long ago, or how far ahead, in whole seconds so that it does not flicker. */
export function ago(ms: number): string {
  if (Math.abs(ms) < 1000) return 'now';
  const whole = duration(Math.round(ms / 1000) * 1000).replace('.0 s', ' s');
  return ms > 0 ? `${whole} ago` : `in ${whole}`;
}

/** How far a clock is from the real time. */
export const ahead = (ms: number): string =>
  Math.abs(ms) < 1000 ? 'the real time' : `${ago(-Math.abs(ms)).replace('in ', '')} ${ms > 0 ? 'ahead' : 'behind'}`;

const day = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric' });
const two = (n: number) => String(n).padStart(2, '0');

/** The time of day here, with the date where it is another day. */
export function time(text: string | number, now: number, ms = false): string {
  const at = new Date(text);
  const clock = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  const fine = ms ? `${clock}.${String(at.getMilliseconds()).padStart(3, '0')}` : clock;
  return at.toDateString() === new Date(now).toDateString() ? fine : `${day.format(at)}, ${fine}`;
}

export const number = (n: number): string => n.toLocaleString('en');

/** A rate a second: two figures are enough. */
export const rate = (n: number): string =>
  n === 0
    ? '0/s'
    : n < 1
      ? `${(n * 60).toFixed(n < 0.1 ? 1 : 0)}/min`
      : `${n < 10 ? n.toFixed(1) : number(Math.round(n))}/s`;

/** The random end of an id, which is what tells ids apart. */
export const shortId = (id: string): string => (id.length > 12 ? `…${id.slice(-8)}` : id);
