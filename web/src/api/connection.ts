// What is known of the way to the server: whether it answers, whether the event stream stands, and how far its
// clock is from ours.

import { createStore } from './store.ts';

/**
 * ```text
 *  idle ──subscribe──▶ connecting ──ack──▶ live ──closed──▶ waiting ──timer, or retryNow──▶ connecting
 * ```
 */
export type LiveState = 'idle' | 'connecting' | 'live' | 'waiting';

export interface Connection {
  live: LiveState;
  /** When the next attempt to connect begins, while `waiting`. */
  retryAt: number | null;
  /** Whether the last request got an answer. */
  answers: boolean;
  /** Since when it gets none. */
  silentSince: number | null;
  /** Until when the server wants no further requests of this caller. */
  heldUntil: number | null;
}

export const connection = createStore<Connection>({
  live: 'idle',
  retryAt: null,
  answers: true,
  silentSince: null,
  heldUntil: null,
});

let skew = 0;

/** The server's time, by its `Date` headers: ages must not depend on the clock of who looks. */
export const serverNow = (): number => Date.now() + skew;

export function noteAnswer(date: string | null): void {
  const theirs = date === null ? Number.NaN : Date.parse(date);
  if (!Number.isNaN(theirs)) {
    // The header has whole seconds: only a difference beyond that, and beyond the way there and back, is one.
    const difference = theirs + 500 - Date.now();
    skew = Math.abs(difference) > 2_000 ? difference : 0;
  }
  if (!connection.get().answers) connection.set({ answers: true, silentSince: null });
}

export function noteFailure(): void {
  if (connection.get().answers) connection.set({ answers: false, silentSince: Date.now() });
}

const impatient = new Set<() => void>();

/** Ends all waiting for a next attempt. */
export function retryNow(): void {
  for (const wake of [...impatient]) wake();
}

/** Waits before attempt number `attempt` (from 0): 1 s, 2 s, 4 s … 30 s, spread so that pages do not come at once. */
export function backoffMs(attempt: number): number {
  return Math.min(30_000, 1_000 * 2 ** attempt) * (0.75 + Math.random() / 2);
}

/** Resolves after `ms`, or when `retryNow` is called; rejects never. `cancel` ends it without a result. */
export function patientWait(ms: number): { done: Promise<void>; cancel: () => void } {
  let wake = () => {};
  let timer: ReturnType<typeof setTimeout> | undefined;
  const done = new Promise<void>((resolve) => {
    timer = setTimeout(() => wake(), ms);
    wake = () => {
      clearTimeout(timer);
      impatient.delete(wake);
      resolve();
    };
    impatient.add(wake);
  });
  return {
    done,
    cancel: () => {
      clearTimeout(timer);
      impatient.delete(wake);
    },
  };
}

addEventListener('online', retryNow);

/** A server that wants to be left alone for a longer time is asked again all the same … */
const LONGEST_HOLD_MS = 3_600_000;
/** … and one that wants none is left alone for this. */
const SHORTEST_HOLD_MS = 1_000;
/** Requests that waited go out within this time, not all at once. */
const SPREAD_MS = 400;

/** The server wants no request for `ms`. */
export function holdBack(ms: number): void {
  const until = Date.now() + Math.min(Math.max(ms, SHORTEST_HOLD_MS), LONGEST_HOLD_MS);
  const { heldUntil } = connection.get();
  if (heldUntil !== null && heldUntil >= until) return;
  connection.set({ heldUntil: until });
  setTimeout(() => connection.get().heldUntil === until && connection.set({ heldUntil: null }), until - Date.now());
}

/** Resolves as soon as the server may be asked; rejects with the signal's reason. */
export async function heldBack(signal: AbortSignal): Promise<void> {
  for (let until = connection.get().heldUntil; until !== null; until = connection.get().heldUntil) {
    const ms = Math.max(0, until - Date.now()) + Math.random() * SPREAD_MS;
    await new Promise<void>((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const aborted = () => {
        clearTimeout(timer);
        reject(signal.reason);
      };
      const timer = setTimeout(() => {
        signal.removeEventListener('abort', aborted);
        resolve();
      }, ms);
      signal.addEventListener('abort', aborted, { once: true });
    });
  }
}
