import { useEffect, useState } from 'preact/hooks';
import { wordsOf } from '../api.ts';
import { say } from '../parts/bits.tsx';
import { emulator, learnEmulator, powers, use } from './state.ts';

const EVERY_MS = 2000;

/** The items of one of the emulator's lists, looked at every two seconds and after each power used. */
export function useItems<Item>(path: string): [Item[], () => void] {
  const [items, setItems] = useState<Item[]>([]);
  const [turn, setTurn] = useState(0);
  const look = () => setTurn((n) => n + 1);
  useEffect(() => emulator.watch(look), []);
  useEffect(() => {
    let current = true;
    powers<{ items: Item[] }>(path).then(
      ({ items: fresh }) => current && setItems(fresh),
      () => {},
    );
    return () => {
      current = false;
    };
  }, [path, turn]);
  return [items, look];
}

/** Looks at the emulator's state again and again, where there is one: the command line may change it as well. */
export function usePolledState(): void {
  useEffect(() => {
    const timer = setInterval(() => {
      if (emulator.value && !document.hidden) void learnEmulator();
    }, EVERY_MS);
    return () => clearInterval(timer);
  }, []);
}

/** Uses a power and says what came of it: `done`, or why not. */
export async function tryPower(method: string, path: string, body: unknown, done = ''): Promise<unknown> {
  try {
    const answer = await use(method, path, body);
    if (done) say(done);
    return answer;
  } catch (error) {
    say(wordsOf(error));
    return undefined;
  }
}
