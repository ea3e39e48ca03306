// Asks for a token over what is shown, which stays.

import { useEffect, useId, useRef } from 'preact/hooks';
import { askLater, session } from '../api/session.ts';
import { useStore } from '../api/store.ts';
import { SignInForm, TITLES } from './form.tsx';

/** The dialog, while a token is asked for and that was not put off. */
export function SignInDialog() {
  const { asked, later } = useStore(session);
  return asked === null || later ? null : <Dialog asked={asked} />;
}

function Dialog({ asked }: { asked: keyof typeof TITLES }) {
  const titleId = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      class="sign-in"
      aria-labelledby={titleId}
      // The event comes later than the end: one of a dialog that has ended must not put off the next.
      onClose={(event) => event.currentTarget.isConnected && askLater()}
    >
      <SignInForm asked={asked} onLater={askLater}>
        <h2 id={titleId}>{TITLES[asked]}</h2>
      </SignInForm>
    </dialog>
  );
}
