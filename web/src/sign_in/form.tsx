// Asks for a token, and says where tokens come from.

import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { type Asked, enter } from '../api/session.ts';
import { tokenIn } from '../api/token.ts';
import { Countdown } from '../parts/time.tsx';
import { isAccepted, type Wait } from './attempt.ts';

export const TITLES: Record<Asked, string> = {
  missing: 'Sign in',
  ended: 'Your token is no longer accepted',
  left: 'You are signed out',
};

const LEADS: Record<Asked, string> = {
  missing: 'This server asks who is calling. Paste a token that says so.',
  ended: 'It has expired, or it was revoked. Sign in again to go on.',
  left: 'The token is forgotten here. It stays valid until it expires or is revoked.',
};

const NOT_A_TOKEN = 'This is not a token: paste the token alone, or all that a credential plugin prints.';
const NOT_ACCEPTED = 'The server does not accept this token: it may have expired, or be meant for another server.';

interface SignInFormProps {
  asked: Asked;
  /** The title of what the form is in. */
  children: ComponentChildren;
  /** What puts the question off, if that makes sense. */
  onLater?: () => void;
}

export function SignInForm({ asked, children, onLater }: SignInFormProps) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [keep, setKeep] = useState(false);
  const { fault, checking, wait, submit, stop } = useAttempt();

  useEffect(() => input.current?.focus(), []);
  useEffect(() => {
    if (fault !== null) input.current?.focus();
  }, [fault]);

  return (
    <form
      class="sign-in-form"
      // The field has no name, so that no form data ever holds the token.
      onSubmit={(event) => {
        event.preventDefault();
        if (input.current && !checking) submit(input.current.value, keep);
      }}
    >
      {children}
      <p id={`${id}-lead`}>{LEADS[asked]}</p>
      <label for={`${id}-token`}>Token</label>
      <input
        ref={input}
        id={`${id}-token`}
        type="password"
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        required
        readOnly={checking}
        aria-invalid={fault !== null}
        aria-describedby={`${id}-lead ${id}-fault`}
      />
      <p id={`${id}-fault`} class="bad-text" role="alert">
        {fault}
      </p>
      <label class="check">
        <input type="checkbox" checked={keep} onChange={(event) => setKeep(event.currentTarget.checked)} />
        Keep for this tab
      </label>
      <p class="sub">
        Then it is still there after a reload and in the explorer, until the tab is closed. Else it lasts as long as
        this page.
      </p>
      <div class="sign-in-actions">
        <button type="submit" class="button primary" aria-disabled={checking}>
          Sign in
        </button>
        {checking ? (
          <button type="button" class="button" onClick={stop}>
            Stop
          </button>
        ) : (
          onLater && (
            <button type="button" class="button" onClick={onLater}>
              Not now
            </button>
          )
        )}
        <span class="faint">
          <span role="status">{checking && (wait ? wait.why : 'Asking the server …')}</span>
          {wait && (
            <>
              {' '}
              Again in <Countdown to={wait.until} />.
            </>
          )}
        </span>
      </div>
      <div class="sign-in-origin">
        <p>Any of these will do, as far as this server is set up for it:</p>
        <ul>
          <li>
            an OIDC ID token, such as kubelogin gives: <code>kubectl oidc-login get-token</code>
          </li>
          <li>
            a service account’s: <code>kubectl create token NAME</code>
          </li>
          <li>
            an API token of fleetgraph, which begins with <code>fgt_</code>
          </li>
        </ul>
      </div>
    </form>
  );
}

interface Attempt {
  /** Why the last one failed. */
  fault: string | null;
  checking: boolean;
  wait: Wait | null;
  submit(pasted: string, keep: boolean): void;
  stop(): void;
}

function useAttempt(): Attempt {
  const [fault, setFault] = useState<string | null>(null);
  const [checking, setChecking] = useState(false);
  const [wait, setWait] = useState<Wait | null>(null);
  const attempt = useRef<AbortController | null>(null);
  useEffect(() => () => attempt.current?.abort(), []);

  const submit = async (pasted: string, keep: boolean) => {
    const token = tokenIn(pasted);
    if (token === null) return setFault(NOT_A_TOKEN);
    const controller = new AbortController();
    attempt.current = controller;
    setFault(null);
    setChecking(true);
    try {
      if (await isAccepted(token, controller.signal, setWait)) return enter(token, keep);
      setFault(NOT_ACCEPTED);
    } catch (error) {
      if (!controller.signal.aborted) setFault((error as Error).message);
    }
    setChecking(false);
    setWait(null);
  };
  return { fault, checking, wait, submit, stop: () => attempt.current?.abort() };
}
