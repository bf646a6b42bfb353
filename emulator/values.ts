const MAX_PARAMETERS = 100;
const MAX_VALUE_BYTES = 2_000_000;

/** Refuses the values that D1 would not bind, so that nothing passes on one database and fails on another. */
export function refuseForeignValues(values: readonly unknown[]): void {
  if (values.length > MAX_PARAMETERS)
    throw new TypeError(`A statement takes ${MAX_PARAMETERS} parameters, not ${values.length}.`);
  for (const value of values) {
    if (value === null || typeof value === 'number') continue;
    if (typeof value !== 'string') throw new TypeError(`D1 binds strings, numbers and null, not ${typeof value}.`);
    if (value.length > MAX_VALUE_BYTES) throw new TypeError(`D1 binds ${MAX_VALUE_BYTES} bytes, not ${value.length}.`);
  }
}
