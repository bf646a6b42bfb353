import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { ago, time } from '../format.ts';
import { Store, useStore } from '../store.ts';

/** A place where there is nothing to show yet, and what to do about it. */
export const Empty = ({ title, children }: { title: string; children?: ComponentChildren }) => (
  <div class="empty">
    <p class="empty-title">{title}</p>
    {children && <p>{children}</p>}
  </div>
);

/** A time as people read it, with the exact one for whoever points at it. */
export const When = ({ at, now }: { at: string | null; now: number }) =>
  at === null ? (
    <span class="faint">–</span>
  ) : (
    <time dateTime={at} title={at}>
      {Math.abs(now - Date.parse(at)) < 86_400_000 ? ago(now - Date.parse(at)) : time(at, now)}
    </time>
  );

/** A text in which what stands between backticks is code, as people write it. */
export const Prose = ({ text }: { text: string }) => (
  <>{text.split('`').map((part, i) => (i % 2 === 1 ? <code key={`${i}${part}`}>{part}</code> : part))}</>
);

/** A text that can be copied with a button. */
export function Copy({ text, label }: { text: string; label: string }) {
  const [copied, setCopied] = useState(false);
  const copy = () =>
    navigator.clipboard.writeText(text).then(
      () => setCopied(true),
      () => say('The browser did not let the page copy. Select the text instead.'),
    );
  return (
    <span class="copy">
      <code>{text}</code>
      <button type="button" class="small" aria-label={`Copy ${label}`} onClick={copy}>
        {copied ? 'Copied' : 'Copy'}
      </button>
    </span>
  );
}

/** A value as indented JSON, as text. */
export const Json = ({ value, label }: { value: unknown; label: string }) => (
  // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
  <section class="json" tabIndex={0} aria-label={label}>
    <pre>{typeof value === 'string' ? value : JSON.stringify(value, null, 2)}</pre>
  </section>
);

const said = new Store('');
let forget: ReturnType<typeof setTimeout> | undefined;

/** Says something in passing, to eyes and to screen readers. */
export function say(text: string): void {
  clearTimeout(forget);
  said.set(text);
  forget = setTimeout(() => said.set(''), 6000);
}

export const Said = () => {
  const text = useStore(said);
  return (
    <div class="said" role="status" aria-live="polite" data-shown={text !== ''}>
      {text}
    </div>
  );
};

export const PageHead = ({ title, children }: { title: ComponentChildren; children?: ComponentChildren }) => (
  <header class="page-head">
    <h1>{title}</h1>
    {children && <div class="page-actions">{children}</div>}
  </header>
);

export const Card = ({
  title,
  aside,
  children,
}: {
  title: string;
  aside?: ComponentChildren;
  children: ComponentChildren;
}) => (
  <section class="card" aria-label={title}>
    <div class="card-head">
      <h2>{title}</h2>
      {aside}
    </div>
    {children}
  </section>
);
