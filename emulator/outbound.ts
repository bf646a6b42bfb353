import { lookup as resolve } from 'node:dns';
import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { Agent, fetch as undiciFetch } from 'undici';
import type { Fetcher } from '../core/context.ts';

/** The way out refuses an address; webhooks treat it as permanent. */
class AddressRefused extends Error {
  readonly code = 'ADDRESS_REFUSED';

  constructor(host: string, address: string) {
    super(
      `${host}${host === address ? '' : ` is ${address}, which`} is not a public address; WEBHOOK_ALLOW_PRIVATE=true would allow it.`,
    );
  }
}

type Allows = (address: string) => boolean;
type Lookup = typeof resolve;
type Outbound = Fetcher & { close(): Promise<void> };

/** How names are looked up, and which addresses are allowed; a test looks with its own. */
interface Eyes {
  lookup?: Lookup;
  allows?: Allows;
}

/**
 * The guarded way out for webhooks. The address is judged when the connection is made, after resolution, so a
 * name that changes between a check and the connect gains nothing. Public addresses only, unless `allowPrivate`.
 */
export function makeOutbound(allowPrivate: boolean, { lookup = resolve, allows = isPublic }: Eyes = {}): Outbound {
  const connect = allowPrivate ? {} : { lookup: guarded(lookup, allows) };
  const agent = new Agent({
    connect: { ...connect, timeout: 10_000 },
    headersTimeout: 60_000,
    bodyTimeout: 60_000,
    keepAliveTimeout: 1000,
  });
  return {
    fetch: async (url, init) => {
      // A literal address is never looked up. URL has already turned odd spellings into the usual one.
      if (!allowPrivate) refuseLiteral(new URL(String(url)).hostname, allows);
      return (await undiciFetch(String(url), { ...(init as object), dispatcher: agent })) as unknown as Response;
    },
    close: () => agent.destroy(),
  };
}

/** Addresses that look public, and answer the machines of one cloud with what is theirs: Azure's host. */
const metadata: ReadonlySet<string> = new Set(['168.63.129.16']);

/** Whether anybody on the internet has this address: not private, loopback, link-local, shared, mapped or reserved. */
export function isPublic(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  if (metadata.has(address)) return false;
  if (parsed.range() !== 'unicast') return false;
  // Of IPv6 only 2000::/3 has been given out (RFC 3587); beside it lie IPv4 addresses in disguise, such as ::127.0.0.1.
  return !(parsed instanceof ipaddr.IPv6) || (parsed.parts[0] as number) >> 13 === 1;
}

function refuseLiteral(hostname: string, allows: Allows): void {
  const host = hostname.replace(/^\[|\]$/g, '');
  if (ipaddr.isValid(host) && !allows(host)) throw new AddressRefused(host, host);
}

// One private address among the answers is enough to refuse the name.
const guarded =
  (lookup: Lookup, allows: Allows): LookupFunction =>
  (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, '', 0);
      const bad = addresses.find(({ address }) => !allows(address));
      if (bad) return callback(new AddressRefused(hostname, bad.address), '', 0);
      if (options.all) return callback(null, addresses);
      const [first] = addresses;
      callback(null, first?.address ?? '', first?.family ?? 0);
    });
  };
