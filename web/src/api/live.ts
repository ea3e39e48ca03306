// Subscriptions: all of the page share one WebSocket, which is opened for the first and closed after the last.

import { useEffect, useRef } from 'preact/hooks';
import { backoffMs, connection, patientWait } from './connection.ts';
import { type Problem, retryAfterMs, type Variables } from './request.ts';
import { openSocket } from './socket.ts';

export interface LiveSink<T> {
  next(data: T): void;
  /** Nothing was heard for so many milliseconds, and now is again: what happened in between is not told. */
  missed(ms: number): void;
  /** The server refused the subscription. If it only has too many now, it is asked again. */
  refused?(problems: Problem[]): void;
}

const resumed = new Set<(ms: number) => void>();
let lostAt: number | null = null;

const client = openSocket({
  waits: true,
  lazyCloseTimeout: 3_000,
  retryAttempts: Number.POSITIVE_INFINITY,
  retryWait: async (attempt) => {
    const ms = backoffMs(attempt);
    connection.set({ live: 'waiting', retryAt: Date.now() + ms });
    await patientWait(ms).done;
  },
  on: {
    connecting: () => connection.set({ live: 'connecting', retryAt: null }),
    connected: () => {
      connection.set({ live: 'live', retryAt: null });
      if (lostAt === null) return;
      const ms = Date.now() - lostAt;
      lostAt = null;
      for (const tell of [...resumed]) tell(ms);
    },
    closed: () => {
      const { live } = connection.get();
      if (resumed.size === 0) return connection.set({ live: 'idle', retryAt: null });
      if (live === 'live') lostAt = Date.now();
      // A socket that never opened is closed after the next attempt was put off, by the error before.
      if (live !== 'waiting') connection.set({ live: 'connecting', retryAt: null });
    },
  },
});

/** Subscribes until the function that is returned is called. */
export function subscribe<T>(query: string, variables: Variables, sink: LiveSink<T>): () => void {
  let stop = () => {};
  let pause: { cancel(): void } | undefined;
  let refusals = 0;
  let refusedAt = 0;

  const missed = (ms: number) => sink.missed(ms);
  const heard = (data: T) => {
    if (refusals > 0) sink.missed(Date.now() - refusedAt);
    refusals = 0;
    sink.next(data);
  };
  const refused = (problems: Problem[]) => {
    sink.refused?.(problems);
    if (!problems.some(({ extensions }) => extensions?.code === 'RATE_LIMITED')) return;
    if (refusals === 0) refusedAt = Date.now();
    const wait = patientWait(retryAfterMs(problems) ?? backoffMs(refusals));
    refusals += 1;
    pause = wait;
    void wait.done.then(begin);
  };
  const begin = () => {
    stop = client.subscribe<T>(
      { query, variables },
      {
        next: ({ data, errors }) => {
          if (data) heard(data);
          else if (errors) sink.refused?.(errors as unknown as Problem[]);
        },
        error: (problem) => refused(Array.isArray(problem) ? problem : [{ message: 'The event stream was refused.' }]),
        complete: () => {},
      },
    );
  };

  resumed.add(missed);
  begin();
  return () => {
    resumed.delete(missed);
    if (resumed.size === 0) {
      lostAt = null;
      if (connection.get().live === 'waiting') connection.set({ live: 'idle', retryAt: null });
    }
    pause?.cancel();
    stop();
  };
}

/** Subscribes while the component is shown, and anew when the document or its variables change. */
export function useLive<T>(query: string | null, variables: Variables, sink: LiveSink<T>): void {
  const latest = useRef(sink);
  latest.current = sink;
  const key = JSON.stringify(variables);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `key` stands for the variables
  useEffect(() => {
    if (query === null) return;
    return subscribe<T>(query, variables, {
      next: (data) => latest.current.next(data),
      missed: (ms) => latest.current.missed(ms),
      refused: (problems) => latest.current.refused?.(problems),
    });
  }, [query, key]);
}
