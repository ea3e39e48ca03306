// GraphQL over HTTP: one request, its answer, and what went wrong with it.

import { heldBack, holdBack, noteAnswer, noteFailure } from './connection.ts';
import { endpoint } from './endpoint.ts';
import { admitted, authorization, noteRefused, noteServed } from './session.ts';

/** An error that stands beside, or in place of, the data. */
export interface Problem {
  message: string;
  path?: (string | number)[];
  extensions?: { code?: string; cluster?: string; requestId?: string; retryAfterSeconds?: number };
}

export interface Answer<T> {
  /** Null if the request as a whole was refused; then `problems` say why. */
  data: T | null;
  problems: Problem[];
  /** When it was sent, in milliseconds of `Date.now`, without what it waited for before. */
  askedAt: number;
  tookMs: number;
}

export type Variables = Record<string, unknown>;

/** No answer: the server is away, can't tell now, or something between it and us answered in its place. */
export class Unanswered extends Error {}

/** The server does not let this caller in. */
export class Refused extends Error {}

/** The server answers this caller again after some time. */
export class HeldBack extends Error {
  constructor(readonly afterMs: number) {
    super('The server asks for fewer requests.');
  }
}

// The server gives up after 30 s by default; whoever has not heard of it by then never will.
const PATIENCE_MS = 40_000;

/**
 * Asks, as whoever is signed in. Waits while a token is asked for, and while the server wants fewer requests, and
 * throws `Unanswered` if there is no GraphQL answer. A request that `signal` aborts rejects with the signal's reason
 * and is no failure.
 */
export async function request<T>(query: string, variables: Variables, signal: AbortSignal): Promise<Answer<T>> {
  for (;;) {
    await admitted(signal);
    await heldBack(signal);
    const offered = authorization();
    try {
      const answer = await ask<T>(query, variables, offered, signal);
      // Whoever has signed out meanwhile has nothing to see any more.
      if (offered === authorization()) noteServed();
      return answer;
    } catch (error) {
      if (error instanceof Refused) noteRefused(offered);
      else if (error instanceof HeldBack) holdBack(error.afterMs);
      else throw error;
    }
  }
}

/** Asks once, with the header `authorization` that is given. Throws `Unanswered`, `Refused` or `HeldBack`. */
export async function ask<T>(
  query: string,
  variables: Variables,
  authorization: string | null,
  signal: AbortSignal,
): Promise<Answer<T>> {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  const askedAt = Date.now();
  let response: Response;
  let body: { data: T | null; problems: Problem[] };
  try {
    response = await fetch(endpoint, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/graphql-response+json, application/json',
        ...(authorization === null ? {} : { authorization }),
      },
      body: JSON.stringify({ query, variables }),
      signal: AbortSignal.any([signal, patience]),
    });
    body = await readBody<T>(response);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (error instanceof HeldBack) throw error;
    noteFailure();
    throw asUnanswered(error, patience.aborted);
  }
  noteAnswer(response.headers.get('date'));
  if (body.data === null) throwIfNotNow(response, body.problems);
  return { ...body, askedAt, tookMs: Date.now() - askedAt };
}

async function readBody<T>(response: Response): Promise<{ data: T | null; problems: Problem[] }> {
  if (!/\bjson\b/.test(response.headers.get('content-type') ?? '')) {
    // A proxy has limits of its own.
    const afterMs = response.status === 429 ? retryAfterMs([], response.headers.get('retry-after')) : null;
    if (afterMs !== null) throw new HeldBack(afterMs);
    throw new Unanswered(`The server answered ${response.status} ${response.statusText}, without GraphQL.`.trim());
  }
  const body = (await response.json()) as { data?: T | null; errors?: Problem[] };
  if (body.data === undefined && body.errors === undefined) {
    throw new Unanswered(`The server answered ${response.status}, without GraphQL.`);
  }
  return { data: body.data ?? null, problems: body.errors ?? [] };
}

/** What is about the caller or the moment, and not about the request, ends here: it may be asked again. */
function throwIfNotNow(response: Response, problems: Problem[]): void {
  const [problem] = problems;
  const code = problem?.extensions?.code;
  if (code === 'UNAUTHENTICATED') throw new Refused(problem?.message);
  const afterMs = retryAfterMs(problems, response.headers.get('retry-after'));
  if (code === 'RATE_LIMITED' && afterMs !== null) throw new HeldBack(afterMs);
  if (code === 'AUTHENTICATION_UNAVAILABLE') throw new Unanswered('The server can’t tell now who you are.');
  if (code === 'RATE_LIMITED') throw new Unanswered('The server takes no more requests now.');
  if (code === 'SHUTTING_DOWN') throw new Unanswered('The server is shutting down.');
}

/** After what time the server wants to be asked again: by the error, or by the header, in seconds or as a date. */
export function retryAfterMs(problems: Problem[], header: string | null = null): number | null {
  const said = problems.find((problem) => problem.extensions?.code === 'RATE_LIMITED')?.extensions?.retryAfterSeconds;
  const seconds = said ?? (header === null || header.trim() === '' ? Number.NaN : Number(header));
  const ms = Number.isNaN(seconds) ? Date.parse(header ?? '') - Date.now() : seconds * 1_000;
  return Number.isNaN(ms) ? null : Math.max(0, ms);
}

function asUnanswered(error: unknown, late: boolean): Unanswered {
  if (error instanceof Unanswered) return error;
  if (late) return new Unanswered('The server did not answer in time.');
  return new Unanswered('The server can’t be reached.');
}
