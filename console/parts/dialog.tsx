import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { wordsOf } from '../api.ts';

interface DialogProps {
  title: string;
  onClose(): void;
  children: ComponentChildren;
}

/** A modal dialog: the browser keeps the focus in it and gives it back afterwards; Escape closes it. */
export function Dialog({ title, onClose, children }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = element.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  return (
    <dialog
      ref={element}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <h2 id={id}>{title}</h2>
      {children}
    </dialog>
  );
}

interface AskProps {
  title: string;
  /** What the button says that does it. */
  action: string;
  /** The label of a reason, where one is needed. */
  reason?: string;
  danger?: boolean;
  onClose(): void;
  /** Does it; what it throws is shown, and the dialog stays. */
  onYes(reason: string): Promise<void>;
  children?: ComponentChildren;
}

/** Asks before something is done. */
export function Ask({ title, action, reason, danger, onClose, onYes, children }: AskProps) {
  const [words, setWords] = useState('');
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await onYes(words);
      onClose();
    } catch (failure) {
      setError(wordsOf(failure));
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={submit}>
        {children}
        {reason && (
          <label class="field">
            <span>{reason}</span>
            <input
              name="reason"
              required
              maxLength={1000}
              value={words}
              onInput={(event) => setWords(event.currentTarget.value)}
            />
          </label>
        )}
        <ErrorLine text={error} />
        <div class="actions">
          <button type="button" onClick={onClose}>
            Keep as it is
          </button>
          <button type="submit" class={danger ? 'danger' : 'primary'} disabled={busy}>
            {action}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

export const ErrorLine = ({ text }: { text: string }) => (
  <p class="error" role="alert" hidden={!text}>
    {text}
  </p>
);
