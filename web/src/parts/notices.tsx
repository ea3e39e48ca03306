// What the reader has to know about what is shown: that it is old, partial, or not there.

import type { ComponentChildren } from 'preact';
import { retryNow } from '../api/connection.ts';
import type { Problem } from '../api/request.ts';
import { askNow, session } from '../api/session.ts';
import { useStore } from '../api/store.ts';
import type { QueryState } from '../api/use_query.ts';
import { Countdown, formatClock } from './time.tsx';

export function Notice({ tone, children }: { tone: 'info' | 'warn' | 'bad'; children: ComponentChildren }) {
  return <div class={`notice ${tone}`}>{children}</div>;
}

/** Of a cluster that is away every field complains: once is enough. */
const keyOf = ({ message, extensions }: Problem) =>
  extensions?.cluster ? `${extensions.cluster} ${extensions.code}` : message;

/** The errors beside the data, each with its cluster. */
export function Problems({ problems, refused = false }: { problems: Problem[]; refused?: boolean }) {
  if (problems.length === 0) return null;
  const distinct = [...new Map(problems.map((problem) => [keyOf(problem), problem])).values()];
  const shown = distinct.slice(0, 8);
  return (
    <Notice tone={refused ? 'bad' : 'warn'}>
      <p>
        <strong>{refused ? 'The server refuses this.' : 'This answer is partial.'}</strong>
      </p>
      <ul>
        {shown.map((problem) => (
          <li key={keyOf(problem)}>
            {problem.extensions?.cluster && <strong>{problem.extensions.cluster}: </strong>}
            {problem.message}
            {problem.extensions?.code && <code> {problem.extensions.code}</code>}
          </li>
        ))}
      </ul>
      {distinct.length > shown.length && <p>… and {distinct.length - shown.length} more.</p>}
    </Notice>
  );
}

/** What stands above every view: a failure, with the age of what is still shown, and errors. */
export function QueryNotices({ query }: { query: QueryState<unknown> }) {
  return (
    <>
      {query.failure !== null && (
        <Notice tone="bad">
          <p role="status">
            <strong>{query.failure}</strong>{' '}
            {query.at === null
              ? 'Trying again.'
              : `What follows is as it was at ${formatClock(query.at)}. Trying again.`}{' '}
            <button type="button" class="link" onClick={retryNow}>
              Try now
            </button>
          </p>
        </Notice>
      )}
      <Problems problems={query.problems} refused={query.at === null} />
    </>
  );
}

/** Stands above a view that was kept when a token ended, if signing in was put off. */
export function SignedOutNotice() {
  const { asked, askedAt, later } = useStore(session);
  if (asked === null || askedAt === null || !later) return null;
  return (
    <Notice tone="bad">
      <p role="status">
        <strong>You are not signed in any more.</strong> What follows is as it was at {formatClock(askedAt)}.{' '}
        <button type="button" class="link" onClick={askNow}>
          Sign in
        </button>
      </p>
    </Notice>
  );
}

/** Stands above every view while the server wants no further requests. */
export function HeldBackNotice({ until }: { until: number }) {
  return (
    <Notice tone="warn">
      <p>
        <span role="status">
          <strong>The server asks for fewer requests.</strong> What is asked for waits until {formatClock(until)}
        </span>
        , in <Countdown to={until} />.
      </p>
    </Notice>
  );
}

/** Stands where a table will be, as high as one, so that nothing jumps. */
export function Loading({ rows = 6 }: { rows?: number }) {
  return (
    <div class="loading" role="status">
      <span class="hidden">Loading</span>
      {Array.from({ length: rows }, (_, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the rows are all the same
        <span class="loading-row" key={row} />
      ))}
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children && <p>{children}</p>}
    </div>
  );
}
