// What stands in place of every view while a token is asked for and nothing was shown yet.

import type { Asked } from '../api/session.ts';
import { Heading } from '../parts/heading.tsx';
import { SignInForm, TITLES } from '../sign_in/form.tsx';

export function SignInView({ asked }: { asked: Asked }) {
  return (
    <section class="sign-in" aria-label="Sign in">
      <SignInForm asked={asked}>
        <Heading title={TITLES[asked]} takesFocus={false} />
      </SignInForm>
    </section>
  );
}
