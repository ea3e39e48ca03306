// The WebSocket, opened as whoever is signed in.
//
//   closed with 4403   before the acknowledgement: the token is not accepted, and another is asked for
//                      after it: the server no longer trusts what it knew of the caller. It is asked once more with
//                      the same token, which may be good and only belong to other groups now
//   token changed      the socket goes, so that nothing comes for somebody else's token

import { type Client, type ClientOptions, createClient } from 'graphql-ws';
import { socketEndpoint } from './endpoint.ts';
import { admitted, authorization, noteRefused, onTokenChange, session } from './session.ts';

const FORBIDDEN = 4403;
/** With what graphql-ws closes a socket that it is told to drop. */
const TERMINATED = 4499;

export interface SocketOptions extends Pick<ClientOptions, 'retryWait' | 'retryAttempts' | 'lazyCloseTimeout'> {
  /** Whether a connection waits while a token is asked for; else what needs it fails. */
  waits: boolean;
  on?: { connecting?(): void; connected?(): void; closed?(): void };
}

export function openSocket({ waits, on, retryWait, ...options }: SocketOptions): Client {
  let offered: string | null = null;
  let acknowledged = false;
  /** What was offered when an acknowledged socket was closed with 4403; undefined before. */
  let doubted: string | null | undefined;
  /** Whether the next attempt needs no back-off, since the last one did not fail for want of a server. */
  let atOnce = false;

  const closed = (code: number | undefined) => {
    const trusted = acknowledged;
    acknowledged = false;
    atOnce = code === FORBIDDEN || code === TERMINATED;
    if (code !== FORBIDDEN) return;
    if (trusted && doubted !== offered) doubted = offered;
    else noteRefused(offered);
  };

  const client = createClient({
    ...options,
    url: async () => {
      if (waits) await admitted();
      return socketEndpoint.href;
    },
    connectionParams: () => {
      offered = authorization();
      return offered === null ? undefined : { authorization: offered };
    },
    shouldRetry: (event) => waits || !(isClose(event) && event.code === FORBIDDEN && session.get().asked !== null),
    ...(retryWait && {
      retryWait: async (attempt: number) => {
        if (!atOnce) await retryWait(attempt);
      },
    }),
    on: {
      connecting: () => on?.connecting?.(),
      connected: () => {
        acknowledged = true;
        if (offered !== authorization()) client.terminate();
        else on?.connected?.();
      },
      closed: (event) => {
        closed(isClose(event) ? event.code : undefined);
        on?.closed?.();
      },
      // Comes before the end of a socket that could not be opened.
      error: () => {
        atOnce = false;
      },
    },
  });
  onTokenChange(() => acknowledged && client.terminate());
  return client;
}

function isClose(event: unknown): event is { code: number; reason: string } {
  return typeof event === 'object' && event !== null && 'code' in event && 'reason' in event;
}
