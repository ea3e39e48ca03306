import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { inTab, storage } from './globals.ts';

const load = async () => ({
  ...(await import('../src/api/request.ts')),
  ...(await import('../src/api/session.ts')),
  ...(await import('../src/api/connection.ts')),
  ...(await import('../src/sign_in/attempt.ts')),
});

type Reply = (authorization: string | null) => Response;

const answer = (status: number, body: unknown, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/graphql-response+json', ...headers },
  });
const refusal = (status: number, code: string, more = {}, headers = {}): Response =>
  answer(status, { errors: [{ message: 'refused', extensions: { code, requestId: '1', ...more } }] }, headers);
const UNAUTHENTICATED = () => refusal(401, 'UNAUTHENTICATED');
const OK = () => answer(200, { data: { clusters: [] } });

let page: Awaited<ReturnType<typeof load>>;
let sent: (string | null)[];

/** Answers requests in this order, and the last one for ever. */
function replies(...all: Reply[]): void {
  sent = [];
  vi.stubGlobal('fetch', async (_: URL, { headers }: { headers: Record<string, string> }) => {
    const authorization = headers.authorization ?? null;
    const reply = all[Math.min(sent.length, all.length - 1)] as Reply;
    sent.push(authorization);
    return reply(authorization);
  });
}

const ask = (signal = new AbortController().signal) => page.request('{ clusters { id } }', {}, signal);

/** Lets everything run that waits for nothing but other promises. */
const settle = () => vi.advanceTimersByTimeAsync(0);

beforeEach(async () => {
  vi.useFakeTimers({ now: Date.parse('2026-01-01T00:00:00Z') });
  page = await inTab(storage(), load);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('a request', () => {
  it('carries no token to a server that does not ask', async () => {
    replies(OK);
    expect((await ask()).data).toEqual({ clusters: [] });
    expect(sent).toEqual([null]);
    expect(page.session.get()).toMatchObject({ asked: null, served: true });
  });

  it('that is refused waits for a token, and then is sent with it', async () => {
    replies(UNAUTHENTICATED, OK);
    const answered = ask();
    await settle();
    expect([page.session.get().asked, sent.length]).toEqual(['missing', 1]);
    page.enter('fgt_a', false);
    expect((await answered).data).not.toBeNull();
    expect(sent).toEqual([null, 'Bearer fgt_a']);
  });

  it('of before, that is refused late, takes the token of now', async () => {
    page.enter('fgt_old', false);
    replies(() => {
      page.noteRefused('Bearer fgt_old');
      page.enter('fgt_new', false);
      return UNAUTHENTICATED();
    }, OK);
    await ask();
    expect(sent).toEqual(['Bearer fgt_old', 'Bearer fgt_new']);
    expect(page.session.get().asked).toBeNull();
  });

  it('that is given up while a token is asked for ends', async () => {
    replies(UNAUTHENTICATED);
    const end = new AbortController();
    const answered = ask(end.signal);
    const expected = expect(answered).rejects.toThrow('enough');
    await settle();
    end.abort(new Error('enough'));
    await expected;
    page.enter('fgt_a', false);
    await settle();
    expect(sent).toHaveLength(1);
  });

  it.each([
    ['the error', () => refusal(429, 'RATE_LIMITED', { retryAfterSeconds: 5 })],
    ['the header', () => refusal(429, 'RATE_LIMITED', {}, { 'retry-after': '5' })],
    ['a date', () => refusal(429, 'RATE_LIMITED', {}, { 'retry-after': 'Thu, 01 Jan 2026 00:00:05 GMT' })],
    ['a proxy', () => new Response('slow down', { status: 429, headers: { 'retry-after': '5' } })],
  ])('that comes too soon, and all others, wait for the time that %s says', async (_, limited) => {
    replies(limited, OK);
    const answered = ask();
    await settle();
    const another = ask();
    await vi.advanceTimersByTimeAsync(4_900);
    expect([sent.length, page.connection.get().heldUntil]).toEqual([1, Date.parse('2026-01-01T00:00:05Z')]);
    await vi.advanceTimersByTimeAsync(600);
    await Promise.all([answered, another]);
    expect([sent.length, page.connection.get().heldUntil]).toEqual([3, null]);
  });

  it('that waits does not count as one that takes the server long', async () => {
    replies(() => refusal(429, 'RATE_LIMITED', { retryAfterSeconds: 60 }), OK);
    const answered = ask();
    await vi.advanceTimersByTimeAsync(61_000);
    const { tookMs, askedAt } = await answered;
    expect([tookMs, askedAt >= Date.parse('2026-01-01T00:01:00Z')]).toEqual([0, true]);
  });

  it.each([
    ['AUTHENTICATION_UNAVAILABLE', 'can’t tell now who you are'],
    ['RATE_LIMITED', 'takes no more requests now'],
    ['SHUTTING_DOWN', 'is shutting down'],
  ])('that is answered %s, without a time, may be sent again later', async (code, text) => {
    replies(() => refusal(503, code));
    await expect(ask()).rejects.toThrow(text);
    expect(page.session.get().asked).toBeNull();
    // The server did answer.
    expect(page.connection.get().answers).toBe(true);
  });

  it('that a proxy refuses is none that the server refused', async () => {
    replies(() => new Response('<h1>Unauthorized</h1>', { status: 401, headers: { 'content-type': 'text/html' } }));
    await expect(ask()).rejects.toThrow(page.Unanswered);
    expect(page.session.get().asked).toBeNull();
  });

  it('that is wrong is told why', async () => {
    replies(() => refusal(400, 'BAD_USER_INPUT'));
    expect((await ask()).problems[0]?.extensions?.code).toBe('BAD_USER_INPUT');
  });
});

describe('an attempt to sign in', () => {
  const attempt = (waiting = vi.fn(), signal = new AbortController().signal) =>
    page.isAccepted('fgt_a', signal, waiting);

  it('tells what the server says of the token', async () => {
    replies(UNAUTHENTICATED, () => answer(200, { data: { __typename: 'Query' } }));
    expect(await attempt()).toBe(false);
    expect(await attempt()).toBe(true);
    expect(sent).toEqual(['Bearer fgt_a', 'Bearer fgt_a']);
    // Whoever asked is to enter it.
    expect(page.authorization()).toBeNull();
  });

  it('goes on until the server can tell, and says what it waits for', async () => {
    replies(
      () => refusal(503, 'AUTHENTICATION_UNAVAILABLE'),
      () => refusal(429, 'RATE_LIMITED', { retryAfterSeconds: 7 }),
      OK,
    );
    const waiting = vi.fn();
    const accepted = attempt(waiting);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await accepted).toBe(true);
    const said = waiting.mock.calls.map(([wait]) => wait?.why ?? null);
    expect(said).toEqual([
      null,
      'The server can’t tell now who you are.',
      null,
      'The server asks for fewer requests.',
      null,
    ]);
  });

  it('ends when it is stopped', async () => {
    replies(() => refusal(503, 'AUTHENTICATION_UNAVAILABLE'));
    const end = new AbortController();
    const accepted = attempt(vi.fn(), end.signal);
    const expected = expect(accepted).rejects.toThrow('stopped');
    await settle();
    end.abort(new Error('stopped'));
    await expected;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent).toHaveLength(1);
  });
});
