// What the explorer shares with the page: it asks for a token in the same dialog, and says what is missing.

import { render } from 'preact';
import { useStore } from '../src/api/store.ts';
import { SignInDialog } from '../src/sign_in/dialog.tsx';
import { schema } from './fetcher.ts';

export function showSession(root: HTMLElement): void {
  render(
    <>
      <p class="explorer-notice" role="status">
        <MissingSchema />
      </p>
      <SignInDialog />
    </>,
    root,
  );
}

function MissingSchema() {
  const { missing } = useStore(schema);
  switch (missing) {
    case 'off':
      return (
        <>
          This server does not show its schema, so there is no completion and no documentation here; queries run all the
          same. <code>limits.introspection: true</code> in its configuration turns it on.
        </>
      );
    case 'signed out':
      return <>Sign in to see the schema: run a query, and you are asked again.</>;
    case null:
      return null;
  }
}
