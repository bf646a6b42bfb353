import type { Context } from '../context.ts';
import { digest } from '../ids.ts';

/**
 * The bucket of a request without a valid token: one of 65,536, chosen by its network. However many networks somebody
 * has, or can make a proxy write, the table of buckets does not grow beyond that, and no address is stored.
 * TICK_SECRET goes in so that nobody can work out who shares a bucket with whom.
 */
export function bucketOfStranger(ctx: Context, request: Request): string {
  const network = forwardedFor(ctx, request) ?? networkOf(ctx.client) ?? 'unknown';
  return `stranger:${digest(`${ctx.settings.TICK_SECRET}\n${network}`).slice(0, 4)}`;
}

/** The network in the X-Forwarded-For entry that the outermost trusted proxy wrote; what the client wrote is further left. */
function forwardedFor(ctx: Context, request: Request): string | undefined {
  const hops = ctx.settings.TRUSTED_PROXY_HOPS;
  if (hops === 0) return undefined;
  const entry = (request.headers.get('x-forwarded-for') ?? '').split(',').at(-hops)?.trim() ?? '';
  return entry.length <= LONGEST ? networkOf(entry.replace(withPort, '$1$2')) : undefined;
}

// [2001:db8::1]:443 and 192.0.2.1:443, as some proxies write them.
const withPort = /^(?:\[([^\]]*)\](?::\d+)?|([\d.]+):\d+)$/;
const LONGEST = 100;

/** What counts as one client: an IPv4 address, or the /64 that a site gets at least of IPv6. Undefined for anything else. */
export function networkOf(address: string): string | undefined {
  if (dotted.test(address)) return address.split('.').map(Number).join('.');
  const groups = groupsOf(address.replace(/%.*$/, ''));
  if (!groups) return undefined;
  const [, , , , , , high = 0, low = 0] = groups;
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (isMapped) return [high >> 8, high & 255, low >> 8, low & 255].join('.');
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::/64`;
}

const dotted = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/;

/** The eight groups of an IPv6 address, however it is spelled; the platform's own reader makes one spelling of them. */
function groupsOf(address: string): number[] | undefined {
  const url = `http://[${address}]/`;
  if (!/^[\da-f:.]+$/i.test(address) || !URL.canParse(url)) return undefined;
  const [before = '', after = ''] = new URL(url).hostname.slice(1, -1).split('::');
  const [first, last] = [before, after].map((part) => (part ? part.split(':') : [])) as [string[], string[]];
  const groups = [...first, ...Array(8 - first.length - last.length).fill('0'), ...last];
  return groups.map((group) => Number.parseInt(group, 16));
}
