// Who is looking: the token that each request carries, and whether the server asks for one.
//
//   nobody is asked ──401, 4403──▶ asked ──enter──▶ signed in ──401, 4403──▶ asked
//        a server without authentication stays here           └──leave──▶ asked
//
// The token is in memory, and in the tab's session storage if whoever entered it wants that: never in an address, a
// cookie, or the storage that all tabs share. Nothing that components hold contains it.

import { endpoint } from './endpoint.ts';
import { createStore } from './store.ts';
import { ownerOf } from './token.ts';

/** Why a token is asked for: there was none, the one that there was has ended, or whoever had it signed out. */
export type Asked = 'missing' | 'ended' | 'left';

export interface Session {
  /** Null while the server answers without asking, or with the token that there is. */
  asked: Asked | null;
  /** Since when it is asked for. */
  askedAt: number | null;
  /** Whether the question was put off, to look at what there was. */
  later: boolean;
  /** Whether there is a token. */
  signedIn: boolean;
  /** Whether anything was answered, so that there is something to keep while a token is asked for. */
  served: boolean;
  /** Grows when somebody else may be looking: what was shown to one is not shown to the next. */
  visitor: number;
}

// Two servers may share a host, below different paths.
const KEY = `fleetgraph:token:${endpoint.pathname}`;

let token = stored();
/** Whose token the last one was that ended. */
let before: string | null = null;

export const session = createStore<Session>({
  asked: null,
  askedAt: null,
  later: false,
  signedIn: token !== null,
  served: false,
  visitor: 0,
});

const changed = new Set<() => void>();

/** Calls `listener` after each change of the token. */
export function onTokenChange(listener: () => void): void {
  changed.add(listener);
}

/** The value of the header `authorization`, or null if there is no token. */
export const authorization = (): string | null => (token === null ? null : bearer(token));

export const bearer = (token: string): string => `Bearer ${token}`;

/** The server did not let `offered` in. What was offered before the present token says nothing about it. */
export function noteRefused(offered: string | null): void {
  if (offered !== authorization() || session.get().asked !== null) return;
  const asked = token === null ? 'missing' : 'ended';
  before = token && ownerOf(token);
  setToken(null, false);
  session.set({ asked, askedAt: Date.now(), later: false, signedIn: false });
}

/** The server answered: there is something to see. */
export function noteServed(): void {
  if (!session.get().served) session.set({ served: true });
}

/** Goes on with a token that the server accepts. */
export function enter(accepted: string, keepForTab: boolean): void {
  const owner = ownerOf(accepted);
  // Of most people who sign in again it is known, or likely, that they are who they were.
  const other = before !== null && owner !== null && owner !== before;
  const { visitor } = session.get();
  setToken(accepted, keepForTab);
  session.set({
    asked: null,
    askedAt: null,
    later: false,
    signedIn: true,
    visitor: other ? visitor + 1 : visitor,
  });
}

/** Forgets the token, and what was shown to whom it belongs. */
export function leave(): void {
  before = null;
  setToken(null, false);
  const { visitor } = session.get();
  session.set({
    asked: 'left',
    askedAt: Date.now(),
    later: false,
    signedIn: false,
    served: false,
    visitor: visitor + 1,
  });
}

export const askLater = (): void => session.set({ later: true });

export const askNow = (): void => session.set({ later: false });

/** Resolves as soon as no token is asked for; rejects with the signal's reason. */
export async function admitted(signal?: AbortSignal): Promise<void> {
  await until(() => session.get().asked === null, signal);
}

/** Whether somebody signs in, rather than putting it off. */
export async function signedInNow(): Promise<boolean> {
  await until(() => session.get().asked === null || session.get().later);
  return session.get().asked === null;
}

function until(holds: () => boolean, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    if (holds()) return resolve();
    const end = (settle: () => void) => {
      unsubscribe();
      signal?.removeEventListener('abort', aborted);
      settle();
    };
    const aborted = () => end(() => reject(signal?.reason));
    const unsubscribe = session.subscribe(() => holds() && end(resolve));
    signal?.addEventListener('abort', aborted);
  });
}

function setToken(next: string | null, keepForTab: boolean): void {
  token = next;
  try {
    if (next !== null && keepForTab) sessionStorage.setItem(KEY, next);
    else sessionStorage.removeItem(KEY);
  } catch {
    // Without storage it lasts as long as the page.
  }
  for (const listener of [...changed]) listener();
}

function stored(): string | null {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}
