// One attempt to sign in: the server is asked whether it accepts a token, until it can tell.

import { backoffMs, patientWait } from '../api/connection.ts';
import { SIGN_IN } from '../api/documents.ts';
import { ask, HeldBack, Refused, Unanswered } from '../api/request.ts';
import { bearer } from '../api/session.ts';

/** What is waited for, and until when. */
export interface Wait {
  why: string;
  until: number;
}

/**
 * Whether the server accepts the token. `waiting` is told what is waited for before another try, and null when it
 * begins. Rejects with the signal's reason.
 */
export async function isAccepted(
  token: string,
  signal: AbortSignal,
  waiting: (wait: Wait | null) => void,
): Promise<boolean> {
  for (let failures = 0; ; failures += 1) {
    waiting(null);
    try {
      await ask(SIGN_IN, {}, bearer(token), signal);
      // Whatever it says of the document, it has let the caller in.
      return true;
    } catch (error) {
      if (error instanceof Refused) return false;
      if (!(error instanceof Unanswered || error instanceof HeldBack)) throw error;
      const ms = error instanceof HeldBack ? error.afterMs : backoffMs(failures);
      waiting({ why: error.message, until: Date.now() + ms });
      await pause(ms, signal);
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const wait = patientWait(ms);
    const aborted = () => {
      wait.cancel();
      reject(signal.reason);
    };
    signal.addEventListener('abort', aborted, { once: true });
    void wait.done.then(() => {
      signal.removeEventListener('abort', aborted);
      resolve();
    });
  });
}
