/** The version of Escapement; the same as in package.json. */
export const version = '0.1.0';
