import { Store, useStore } from './store.ts';

/** A place in the console, kept in the part of the URL that never leaves the browser. */
export interface Place {
  path: string[];
  search: URLSearchParams;
}

function read(): Place {
  const [path = '', search = ''] = location.hash.replace(/^#\/?/, '').split('?');
  return { path: path.split('/').filter(Boolean).map(decodeURIComponent), search: new URLSearchParams(search) };
}

const place = new Store<Place>(read());
addEventListener('hashchange', () => place.set(read()));

export const usePlace = (): Place => useStore(place);

export const go = (hash: string): void => {
  location.hash = hash;
};

/** The address of the job list under these filters. */
export function jobsAt(filters: Record<string, string | undefined>): string {
  const used = Object.entries(filters).filter(([, value]) => value) as [string, string][];
  return used.length > 0 ? `#/jobs?${new URLSearchParams(used)}` : '#/jobs';
}
