/** @jsxImportSource react */
// GraphiQL over this server, with its editor and workers from the same place: nothing is fetched from elsewhere.

import 'graphiql/setup-workers/vite';
import type { Fetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import { useEffect, useState, useSyncExternalStore } from 'react';
import { createRoot } from 'react-dom/client';
import { leave, session } from '../src/api/session.ts';
import { shownTheme } from '../src/theme.ts';
import { EXAMPLES } from './examples.ts';
import { fetcher, schema } from './fetcher.ts';
import { showSession } from './session.tsx';
import { mendTabs } from './tabs.ts';

function Explorer() {
  const { signedIn } = useSyncExternalStore(session.subscribe, session.get);
  return (
    <GraphiQL
      fetcher={useFetcher(signedIn)}
      defaultTabs={EXAMPLES.map((query) => ({ query }))}
      defaultTheme={shownTheme()}
      defaultEditorToolsVisibility={false}
      shouldPersistHeaders={false}
    >
      <GraphiQL.Logo>
        <a href="./">fleetgraph</a>
        {signedIn && (
          <button type="button" className="explorer-leave" onClick={signOut}>
            Sign out
          </button>
        )}
      </GraphiQL.Logo>
    </GraphiQL>
  );
}

/** A new one makes GraphiQL ask for the schema again, if it was missed for want of a token. */
function useFetcher(signedIn: boolean): Fetcher {
  const [current, setCurrent] = useState(() => fetcher);
  useEffect(() => {
    if (!signedIn || schema.get().missing !== 'signed out') return;
    schema.set({ missing: null });
    setCurrent(
      (): Fetcher =>
        (...asked) =>
          fetcher(...asked),
    );
  }, [signedIn]);
  return current;
}

/** The results of the one who leaves go with the document. */
function signOut() {
  leave();
  location.reload();
}

const root = document.getElementById('explorer');
if (root) {
  mendTabs(root);
  createRoot(root).render(<Explorer />);
}
const shared = document.getElementById('session');
if (shared) showSession(shared);
