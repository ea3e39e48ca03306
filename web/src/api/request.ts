// GraphQL over HTTP: one request, its answer, and what went wrong with it.

import { noteAnswer, noteFailure } from './connection.ts';

/** An error that stands beside, or in place of, the data. */
export interface Problem {
  message: string;
  path?: (string | number)[];
  extensions?: { code?: string; cluster?: string; requestId?: string };
}

export interface Answer<T> {
  /** Null if the request as a whole was refused; then `problems` say why. */
  data: T | null;
  problems: Problem[];
}

export type Variables = Record<string, unknown>;

/** No answer at all: the server is away, or something between it and us answered in its place. */
export class Unanswered extends Error {}

// Relative to the page, which may lie below a path of a reverse proxy.
export const endpoint = new URL('graphql', document.baseURI);

// The server gives up after 30 s by default; whoever has not heard of it by then never will.
const PATIENCE_MS = 40_000;

/**
 * Asks, and throws `Unanswered` if there is no GraphQL answer. A request that `signal` aborts rejects with the
 * signal's reason and is no failure.
 */
export async function request<T>(query: string, variables: Variables, signal: AbortSignal): Promise<Answer<T>> {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  try {
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json, application/json' },
      body: JSON.stringify({ query, variables }),
      signal: AbortSignal.any([signal, patience]),
    });
    const answer = await readAnswer<T>(response);
    noteAnswer(response.headers.get('date'));
    return answer;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    const failure = asUnanswered(error, patience.aborted);
    noteFailure();
    throw failure;
  }
}

async function readAnswer<T>(response: Response): Promise<Answer<T>> {
  if (!/\bjson\b/.test(response.headers.get('content-type') ?? '')) {
    throw new Unanswered(`The server answered ${response.status} ${response.statusText}, without GraphQL.`.trim());
  }
  const body = (await response.json()) as { data?: T | null; errors?: Problem[] };
  if (body.data === undefined && body.errors === undefined) {
    throw new Unanswered(`The server answered ${response.status}, without GraphQL.`);
  }
  return { data: body.data ?? null, problems: body.errors ?? [] };
}

function asUnanswered(error: unknown, late: boolean): Unanswered {
  if (error instanceof Unanswered) return error;
  if (late) return new Unanswered('The server did not answer in time.');
  return new Unanswered('The server can’t be reached.');
}
