// Forward by cursors. A connection of mixed kinds only goes forward, so the way back is what was visited.

const before = new Map<string, string | null>();

/** The first page of a living list ends elsewhere each time. */
const KEPT = 500;

function keep(next: string, after: string | null) {
  before.delete(next);
  before.set(next, after);
  const [oldest] = before.keys();
  if (before.size > KEPT && oldest !== undefined) before.delete(oldest);
}

interface PagerProps {
  /** The cursor of this page; null for the first. */
  after: string | null;
  endCursor: string | null;
  hasNextPage: boolean;
  /** How many are shown, and of how many. */
  shown: number;
  total: number;
  /** The address of the page after a cursor. */
  hrefOf(after: string | null): string;
}

export function Pager({ after, endCursor, hasNextPage, shown, total, hrefOf }: PagerProps) {
  if (after === null && !hasNextPage) return null;
  const next = hasNextPage ? endCursor : null;
  if (next !== null) keep(next, after);
  return (
    <nav class="pager" aria-label="Pages">
      {after !== null && <a href={hrefOf(null)}>First page</a>}
      {after !== null && before.get(after) && <a href={hrefOf(before.get(after) ?? null)}>Previous page</a>}
      <span class="faint">
        {shown.toLocaleString()} of {total.toLocaleString()}
      </span>
      {next !== null && <a href={hrefOf(next)}>Next page</a>}
    </nav>
  );
}
