// A query that is kept current while its component is shown.

import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { backoffMs, patientWait } from './connection.ts';
import { type Answer, type Problem, request, type Variables } from './request.ts';

export interface QueryState<T> {
  /** The last data that there was, even if the last request failed. */
  data: T | null;
  problems: Problem[];
  /** Why the last request got no answer. */
  failure: string | null;
  /** When `data` was answered. */
  at: number | null;
  /** Whether `data` is that of other variables, while those of now are asked for. */
  outdated: boolean;
  loading: boolean;
}

export interface QueryHandle<T> extends QueryState<T> {
  /** Asks again soon. Many calls in a short time make one request. */
  refresh(): void;
}

const EMPTY = { data: null, problems: [], failure: null, at: null, outdated: false, loading: true };

// However many events come, a query is not asked more often than this …
const CALM_MS = 1_000;
// … and what takes the server long is asked more rarely: a view keeps it busy for a sixth of the time at most.
const CALM_TIMES = 6;

/**
 * Asks nothing while the query is null; else at once, after each change of the variables, every `pollMs`, when the tab is shown again, and after failures
 * with back-off. A request that is no longer wanted is aborted.
 */
export function useQuery<T>(query: string | null, variables: Variables, pollMs: number): QueryHandle<T> {
  const key = `${query}${JSON.stringify(variables)}`;
  const [state, setState] = useState<QueryState<T>>(EMPTY);
  const refreshNow = useRef(() => {});
  const wanted = useRef(variables);
  wanted.current = variables;
  const poll = useRef(pollMs);
  poll.current = pollMs;

  // biome-ignore lint/correctness/useExhaustiveDependencies: `key` stands for the query and its variables
  useEffect(() => {
    if (query === null) return setState(EMPTY);
    const end = new AbortController();
    let wake = () => {};
    let dirty = false;

    refreshNow.current = () => {
      dirty = true;
      wake();
    };
    const shown = () => {
      if (!document.hidden) refreshNow.current();
    };
    document.addEventListener('visibilitychange', shown);
    setState((before) => ({ ...before, loading: true, outdated: before.data !== null }));

    const rest = (ms: number) =>
      new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });

    const run = async () => {
      for (let failures = 0; !end.signal.aborted; ) {
        dirty = false;
        let answer: Answer<T>;
        try {
          answer = await request<T>(query, wanted.current, end.signal);
          failures = 0;
          setState((before) => ({
            data: answer.data ?? (before.outdated ? null : before.data),
            problems: answer.problems,
            failure: null,
            at: answer.data === null ? before.at : Date.now(),
            outdated: false,
            loading: false,
          }));
        } catch (error) {
          if (end.signal.aborted) return;
          const failure = error instanceof Error ? error.message : String(error);
          setState((before) => ({ ...before, failure, loading: false }));
          const pause = patientWait(backoffMs(failures));
          end.signal.addEventListener('abort', pause.cancel, { once: true });
          failures += 1;
          await pause.done;
          end.signal.removeEventListener('abort', pause.cancel);
          continue;
        }
        if (!dirty) await rest(poll.current);
        while (document.hidden && !end.signal.aborted) await rest(60_000);
        const calm = answer.askedAt + Math.max(CALM_MS, answer.tookMs * CALM_TIMES) - Date.now();
        if (calm > 0) {
          wake = () => {};
          await new Promise((resolve) => setTimeout(resolve, calm));
        }
      }
    };
    void run();
    return () => {
      document.removeEventListener('visibilitychange', shown);
      end.abort();
      wake();
    };
  }, [key]);

  const refresh = useCallback(() => refreshNow.current(), []);
  return { ...state, refresh };
}
