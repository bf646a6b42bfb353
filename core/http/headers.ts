/**
 * The headers that every answer of ours carries: its id, which the log has too, and what keeps a browser from taking
 * the answer for something else (nosniff) and everything between from keeping it (no-store): most answers are one
 * user's alone, and one holds a token. No header says what software this is.
 */
export const commonHeaders = (requestId: string): Record<string, string> => ({
  'x-request-id': requestId,
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
});
