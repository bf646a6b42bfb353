import { useEffect, useRef, useState } from 'preact/hooks';
import { keepToken, signedIn, signOut, wordsOf } from '../api.ts';
import { startLive } from '../live.ts';
import { learnRole } from '../me.ts';
import { Brand } from '../parts/brand.tsx';
import { ErrorLine } from '../parts/dialog.tsx';

/** Where one gives a token. `why` says why one is here again. */
export function SignIn({ why, onDone }: { why: string; onDone(): void }) {
  const [text, setText] = useState('');
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError('');
    // Only visible ASCII can stand in a header; anything else is no token.
    if (/^[\x21-\x7e]+$/.test(text.trim())) {
      keepToken(text.trim());
      try {
        await learnRole();
        void startLive();
        onDone();
        return;
      } catch (failure) {
        // Where the token is the trouble, it is forgotten already.
        if (signedIn()) signOut(wordsOf(failure));
      }
    } else setError('This is no token: it holds letters that no token has.');
    setBusy(false);
  };
  return (
    <main class="sign-in">
      <form onSubmit={submit} class="card">
        <Brand />
        <label class="field">
          <span>Your token</span>
          <input
            ref={field}
            type="password"
            name="token"
            autocomplete="current-password"
            required
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
        <ErrorLine text={error || why} />
        <button type="submit" class="primary" disabled={busy}>
          {busy ? 'Signing in…' : 'Sign in'}
        </button>
        <p class="faint">
          The first <code>npm start</code> prints an admin’s token, once; an admin makes those of others. Is it lost?
          Start with <code>BOOTSTRAP_ADMIN_TOKEN</code> set to one of your own.
        </p>
        <p class="faint">This tab keeps the token until you sign out or close it.</p>
      </form>
    </main>
  );
}
