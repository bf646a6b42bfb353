interface PagerProps {
  /** The cursors of the pages before this one, and of this one. */
  cursors: string[];
  next: string | null | undefined;
  onTurn(cursors: string[]): void;
}

/** Turns the pages of a list, newest first. */
export const Pager = ({ cursors, next, onTurn }: PagerProps) => (
  <div class="pager">
    <button type="button" disabled={cursors.length === 0} onClick={() => onTurn(cursors.slice(0, -1))}>
      Newer
    </button>
    <button type="button" disabled={!next} onClick={() => next && onTurn([...cursors, next])}>
      Older
    </button>
    <span class="faint">{cursors.length > 0 ? `page ${cursors.length + 1}` : 'newest first'}</span>
  </div>
);
