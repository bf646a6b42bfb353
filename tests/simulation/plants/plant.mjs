// A planted bug is a text replaced in the core or in a migration when the simulator is bundled. Where that text is no
// longer there, bundling throws, and the bug has to be planted anew.

/**
 * @typedef {{ file: string, find: string, put: string }} Patch
 * @typedef {{ name: string, patches: Patch[] }} Plant
 */

/**
 * @param {string} name
 * @param {...[file: string, find: string, put: string]} patches
 * @returns {Plant}
 */
export const plant = (name, ...patches) => ({
  name,
  patches: patches.map(([file, find, put]) => ({ file, find, put })),
});

/**
 * Some of the text to be replaced is that of templates; in it «x» stands for a placeholder.
 * @param {string} text
 */
export const template = (text) => text.replaceAll('«', '$' + '{').replaceAll('»', '}');

export const SCHEMA = 'migrations/0003_cheaper_conditions.sql';
export const EDGE = 'core/lifecycle/edge.ts';
export const CLAIM = 'core/lifecycle/claim.ts';
export const SETTLE = 'core/lifecycle/settle.ts';

/** The guard of an edge, and the same without the status for one event. */
export const GUARD = template('const guard = `«oneOf(from)» AND «spec.where»`');
export const unguarded = (/** @type {string} */ event) =>
  template(`const guard = spec.event === '${event}' ? spec.where : \`«oneOf(from)» AND «spec.where»\``);
