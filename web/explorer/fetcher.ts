// How the explorer asks the server: as whoever is signed in, and without a schema where the server doesn't show it.

import { createGraphiQLFetcher, type Fetcher } from '@graphiql/toolkit';
import { endpoint } from '../src/api/endpoint.ts';
import type { Problem } from '../src/api/request.ts';
import { askNow, authorization, noteRefused, noteServed, signedInNow } from '../src/api/session.ts';
import { openSocket } from '../src/api/socket.ts';
import { createStore } from '../src/api/store.ts';

/** Why there is no schema: the server doesn't show it to anybody, or nobody signed in to see it. */
export const schema = createStore<{ missing: 'off' | 'signed out' | null }>({ missing: null });

/** As `fetch`, with the token. A header that was written into the explorer goes before it. */
const fetchSignedIn: typeof fetch = async (url, init) => {
  for (;;) {
    const headers = new Headers(init?.headers);
    const own = headers.has('authorization');
    const offered = authorization();
    if (offered !== null && !own) headers.set('authorization', offered);
    const response = await fetch(url, { ...init, headers });
    if (own || !(await codesOf(response)).includes('UNAUTHENTICATED')) {
      noteServed();
      return response;
    }
    noteRefused(offered);
    askNow();
    if (!(await signedInNow())) return response;
  }
};

/** The codes of an answer that is nothing but errors. */
async function codesOf(response: Response): Promise<(string | undefined)[]> {
  if (response.ok) return [];
  try {
    const { errors }: { errors?: Problem[] } = await response.clone().json();
    return errors?.map((problem) => problem.extensions?.code) ?? [];
  } catch {
    return [];
  }
}

/** Whether GraphiQL was just told that there is no schema, and is about to ask once more. */
let told = false;

/**
 * GraphiQL takes an empty text for a schema that is not there, and says nothing of it; anything else that is no schema
 * goes into the pane of results. It asks twice before it believes that there is none.
 */
const fetchSchema = async (...[parameters, options]: Parameters<Fetcher>): Promise<unknown> => {
  if (told) {
    told = false;
    return '';
  }
  const response = await fetchSignedIn(endpoint, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/graphql-response+json, application/json;q=0.9',
      ...options?.headers,
    },
    body: JSON.stringify(parameters),
  });
  const codes = await codesOf(response);
  const off = codes.includes('INTROSPECTION_DISABLED');
  const missing = off ? 'off' : codes.includes('UNAUTHENTICATED') ? 'signed out' : null;
  schema.set({ missing });
  told = missing !== null;
  return told ? '' : response.json();
};

export const fetcher: Fetcher = createGraphiQLFetcher({
  url: endpoint.href,
  fetch: fetchSignedIn,
  wsClient: openSocket({ waits: false }),
  schemaFetcher: fetchSchema as Fetcher,
});
