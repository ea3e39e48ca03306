import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { inTab, storage } from './globals.ts';

interface Message {
  type: string;
  id?: string;
  payload?: unknown;
}

/** A socket as the browser's, whose other end the test is. */
class FakeSocket {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  readyState = FakeSocket.CONNECTING;
  sent: Message[] = [];
  onopen = () => {};
  onmessage = (_: { data: string }) => {};
  onclose: ((event: unknown) => void) | null = null;
  onerror: ((event: unknown) => void) | null = null;

  constructor() {
    sockets.push(this);
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(): void {
    this.readyState = FakeSocket.CLOSED;
  }

  async open(): Promise<unknown> {
    this.readyState = FakeSocket.OPEN;
    this.onopen();
    await settle();
    return this.sent[0]?.payload;
  }

  async say(message: Message): Promise<void> {
    this.onmessage({ data: JSON.stringify(message) });
    await settle();
  }

  async end(code: number, reason = ''): Promise<void> {
    this.readyState = FakeSocket.CLOSED;
    this.onclose?.({ code, reason });
    await settle();
  }

  async fail(): Promise<void> {
    this.readyState = FakeSocket.CLOSED;
    this.onerror?.({ type: 'error' });
    // Between two events a browser does what promises wait for.
    await settle();
    this.onclose?.({ code: 1006, reason: '' });
    await settle();
  }

  get subscribed(): Message[] {
    return this.sent.filter(({ type }) => type === 'subscribe');
  }
}

const load = async () => ({
  ...(await import('../src/api/live.ts')),
  ...(await import('../src/api/session.ts')),
  ...(await import('../src/api/connection.ts')),
});

let sockets: FakeSocket[];
let page: Awaited<ReturnType<typeof load>>;

const settle = () => vi.advanceTimersByTimeAsync(0);
const socket = (): FakeSocket => sockets.at(-1) as FakeSocket;

/** Opens the last socket, and acknowledges it. */
async function acknowledge(): Promise<unknown> {
  const payload = await socket().open();
  await socket().say({ type: 'connection_ack' });
  return payload;
}

const sink = () => ({ next: vi.fn(), missed: vi.fn(), refused: vi.fn() });

beforeEach(async () => {
  vi.useFakeTimers();
  sockets = [];
  vi.stubGlobal('WebSocket', FakeSocket);
  page = await inTab(storage(), load);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function subscribe(heard = sink()) {
  const stop = page.subscribe('subscription { podEvents { type } }', {}, heard);
  await settle();
  return { heard, stop };
}

describe('the socket', () => {
  it('says nothing of tokens to a server that does not ask', async () => {
    await subscribe();
    expect(await acknowledge()).toBeUndefined();
    expect(socket().subscribed).toHaveLength(1);
  });

  it('carries the token in connection_init', async () => {
    page.enter('fgt_a', false);
    await subscribe();
    expect(await acknowledge()).toEqual({ authorization: 'Bearer fgt_a' });
  });

  it('that is refused waits for a token, opens at once with it, and tells that nothing was heard', async () => {
    const { heard } = await subscribe();
    await acknowledge();
    page.noteRefused(null);
    await socket().end(4403, 'say who is calling');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sockets).toHaveLength(1);
    page.enter('fgt_a', false);
    await settle();
    expect(await acknowledge()).toEqual({ authorization: 'Bearer fgt_a' });
    expect(socket().subscribed).toHaveLength(1);
    expect(heard.missed).toHaveBeenCalledOnce();
    expect(heard.missed.mock.calls[0]?.[0]).toBeGreaterThanOrEqual(60_000);
  });

  it('refused before the acknowledgement makes the page ask', async () => {
    await subscribe();
    await socket().open();
    await socket().end(4403, 'say who is calling');
    expect(page.session.get().asked).toBe('missing');
  });

  it('closed with 4403 tries the same token once more, and then the page asks for another', async () => {
    page.enter('fgt_a', false);
    await subscribe();
    await acknowledge();
    await socket().end(4403, 'the credential is no longer valid');
    expect([page.session.get().asked, sockets.length]).toEqual([null, 2]);
    expect(await socket().open()).toEqual({ authorization: 'Bearer fgt_a' });
    await socket().end(4403, 'the credential is not valid here');
    expect([page.session.get().asked, page.authorization()]).toEqual(['ended', null]);
  });

  it('closed with 4403 again and again, though it is acknowledged, makes the page ask', async () => {
    page.enter('fgt_a', false);
    await subscribe();
    await acknowledge();
    await socket().end(4403);
    await acknowledge();
    await socket().end(4403);
    expect(page.session.get().asked).toBe('ended');
  });

  it('of an old token ends with it', async () => {
    page.enter('fgt_a', false);
    await subscribe();
    await acknowledge();
    const old = socket();
    page.leave();
    await settle();
    expect([old.readyState, sockets.length]).toEqual([FakeSocket.CLOSED, 1]);
    page.enter('fgt_b', false);
    await settle();
    expect(await acknowledge()).toEqual({ authorization: 'Bearer fgt_b' });
  });

  it('that is acknowledged for a token of before is not used', async () => {
    page.enter('fgt_a', false);
    await subscribe();
    const old = socket();
    await old.open();
    page.enter('fgt_b', false);
    await old.say({ type: 'connection_ack' });
    expect([old.readyState, old.subscribed.length]).toEqual([FakeSocket.CLOSED, 0]);
    expect(await acknowledge()).toEqual({ authorization: 'Bearer fgt_b' });
  });

  it.each([
    [
      'closed with 1013',
      () =>
        socket()
          .open()
          .then(() => socket().end(1013, 'try again')),
    ],
    ['that can’t be opened', () => socket().fail()],
  ])('%s tries again after a while, and asks for no token', async (_, end) => {
    page.enter('fgt_a', false);
    await subscribe();
    await end();
    expect([sockets.length, page.connection.get().live, page.session.get().asked]).toEqual([1, 'waiting', null]);
    await vi.advanceTimersByTimeAsync(1_300);
    expect(sockets).toHaveLength(2);
  });

  it('that can’t be opened after a token was refused does not try without a pause', async () => {
    await subscribe();
    await socket().open();
    await socket().end(4403);
    page.enter('fgt_a', false);
    await settle();
    await socket().fail();
    expect([sockets.length, page.connection.get().live]).toEqual([2, 'waiting']);
  });
});

describe('a subscription that is one too many', () => {
  const limited = (more = {}) => [{ message: 'too many', extensions: { code: 'RATE_LIMITED', ...more } }];

  it('is asked for again after the time that the server says, and tells what was missed', async () => {
    const { heard } = await subscribe();
    await acknowledge();
    const [first] = socket().subscribed;
    await socket().say({ type: 'error', id: first?.id as string, payload: limited({ retryAfterSeconds: 5 }) });
    expect(heard.refused).toHaveBeenCalledOnce();
    await vi.advanceTimersByTimeAsync(4_900);
    expect(sockets.flatMap((each) => each.subscribed)).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(200);
    await acknowledge();
    const again = socket().subscribed.at(-1);
    await socket().say({ type: 'next', id: again?.id as string, payload: { data: { podEvents: {} } } });
    expect([heard.missed.mock.calls.length, heard.next.mock.calls.length]).toEqual([1, 1]);
  });

  it('is not asked for again by whoever left', async () => {
    const { stop } = await subscribe();
    await acknowledge();
    const [first] = socket().subscribed;
    await socket().say({ type: 'error', id: first?.id as string, payload: limited() });
    stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sockets.flatMap((each) => each.subscribed)).toHaveLength(1);
  });

  it('is not asked for again if it is wrong', async () => {
    const { heard } = await subscribe();
    await acknowledge();
    const [first] = socket().subscribed;
    const wrong = [{ message: 'wrong', extensions: { code: 'BAD_USER_INPUT' } }];
    await socket().say({ type: 'error', id: first?.id as string, payload: wrong });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(heard.refused).toHaveBeenCalledOnce();
    expect(sockets.flatMap((each) => each.subscribed)).toHaveLength(1);
  });
});
