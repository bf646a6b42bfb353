import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { type Env, type Invocation, real, type Sources } from './context.ts';

const shape = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** A UUIDv7 (RFC 9562, 5.7): its first 48 bits are the time, so new ids are neighbours in an index. */
export function newId(sources: Sources): string {
  const bytes = sources.bytes(16);
  let time = sources.now();
  for (let i = 5; i >= 0; i--) {
    bytes[i] = time % 256;
    time = Math.floor(time / 256);
  }
  return asUuid(bytes, 7);
}

/**
 * The id of a request: the host's, or a new one. Never what the client sent: two requests could then have one id, and a
 * line of the log could be made to say what somebody likes.
 */
export const requestIdOf = (env: Env, invocation?: Invocation): string =>
  invocation?.requestId ?? newId(env.SOURCES ?? real);

/** A token of 122 random bits, in the form of a UUIDv4. */
export const newToken = (sources: Sources): string => asUuid(sources.bytes(16), 4);

export const isUuid = (text: string): boolean => shape.test(text);

/** SHA-256 of a text as hex: what is stored of a token, and the identity of a request. */
export const digest = (text: string): string => bytesToHex(sha256(utf8ToBytes(text)));

/** Compares two digests without stopping at the first difference. */
export function sameDigest(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return difference === 0;
}

function asUuid(bytes: Uint8Array, version: number): string {
  bytes[6] = ((bytes[6] as number) & 0x0f) | (version << 4);
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  const hex = bytesToHex(bytes);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
