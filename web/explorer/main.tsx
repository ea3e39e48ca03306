/** @jsxImportSource react */
// GraphiQL over this server, with its editor and workers from the same place: nothing is fetched from elsewhere.

import 'graphiql/setup-workers/vite';
import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import { createClient } from 'graphql-ws';
import { createRoot } from 'react-dom/client';
import { shownTheme } from '../src/theme.ts';
import { EXAMPLES } from './examples.ts';
import { mendTabs } from './tabs.ts';

const endpoint = new URL('graphql', document.baseURI);
const socket = new URL(endpoint);
socket.protocol = socket.protocol.replace('http', 'ws');

const fetcher = createGraphiQLFetcher({
  url: endpoint.href,
  wsClient: createClient({ url: socket.href, lazy: true }),
});

const root = document.getElementById('explorer');
if (root) {
  mendTabs(root);
  createRoot(root).render(
    <GraphiQL
      fetcher={fetcher}
      defaultTabs={EXAMPLES.map((query) => ({ query }))}
      defaultTheme={shownTheme()}
      defaultEditorToolsVisibility={false}
      shouldPersistHeaders={false}
    >
      <GraphiQL.Logo>
        <a href="./">fleetgraph</a>
      </GraphiQL.Logo>
    </GraphiQL>,
  );
}
