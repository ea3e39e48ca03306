import { beforeEach, describe, expect, it } from 'vitest';
import { inTab, storage } from './globals.ts';

const KEY = 'fleetgraph:token:/eu/graphql';
const load = () => import('../src/api/session.ts');

let kept: Storage;
let page: Awaited<ReturnType<typeof load>>;

beforeEach(async () => {
  kept = storage();
  page = await inTab(kept, load);
});

describe('the session', () => {
  it('asks for a token only after the server did', () => {
    expect([page.session.get().asked, page.authorization()]).toEqual([null, null]);
    page.noteRefused(null);
    expect(page.session.get()).toMatchObject({ asked: 'missing', signedIn: false });
  });

  it('keeps a token in memory, and in the tab only if that is wanted', () => {
    page.enter('fgt_a', false);
    expect([page.authorization(), kept.length]).toEqual(['Bearer fgt_a', 0]);
    page.enter('fgt_a', true);
    expect(kept.getItem(KEY)).toBe('fgt_a');
    page.enter('fgt_b', false);
    expect(kept.length).toBe(0);
  });

  it('begins with what was kept for the tab', async () => {
    page = await inTab(storage({ [KEY]: 'fgt_a' }), load);
    expect([page.authorization(), page.session.get().signedIn]).toEqual(['Bearer fgt_a', true]);
  });

  it('begins with nothing that was kept for another server of the host', async () => {
    page = await inTab(storage({ 'fleetgraph:token:/us/graphql': 'fgt_a' }), load);
    expect(page.authorization()).toBeNull();
  });

  it('forgets a token that is refused, and what was refused before it says nothing of it', () => {
    page.enter('fgt_a', true);
    page.noteRefused(null);
    page.noteRefused('Bearer fgt_before');
    expect(page.session.get().asked).toBeNull();
    page.noteRefused('Bearer fgt_a');
    expect(page.session.get().asked).toBe('ended');
    expect([page.authorization(), kept.length]).toEqual([null, 0]);
  });

  it('forgets a token that is signed out, and what was shown', () => {
    page.enter('fgt_a', true);
    page.noteServed();
    const { visitor } = page.session.get();
    page.leave();
    expect(page.session.get()).toMatchObject({ asked: 'left', served: false, signedIn: false, visitor: visitor + 1 });
    expect([page.authorization(), kept.length]).toEqual([null, 0]);
  });

  it('holds the token nowhere where components can print it', () => {
    page.enter('fgt_a', true);
    page.noteRefused('Bearer fgt_a');
    page.enter('fgt_b', true);
    expect(JSON.stringify(page.session.get())).not.toContain('fgt_');
  });

  it('keeps what was shown for whoever may be the same, and for nobody else', () => {
    const jwt = (sub: string, at: number) => `e30.${btoa(JSON.stringify({ iss: 'https://one', sub, at }))}.c2ln`;
    const again = (ended: string, next: string) => {
      page.enter(ended, false);
      const { visitor } = page.session.get();
      page.noteRefused(`Bearer ${ended}`);
      page.enter(next, false);
      return page.session.get().visitor === visitor;
    };
    expect(again(jwt('ann', 1), jwt('ann', 2))).toBe(true);
    expect(again('fgt_a', 'fgt_b')).toBe(true);
    expect(again(jwt('ann', 1), jwt('bob', 1))).toBe(false);
  });

  it('lets requests wait until somebody signs in, or they are given up', async () => {
    page.noteRefused(null);
    const end = new AbortController();
    const given = page.admitted(end.signal);
    const waiting = page.admitted();
    end.abort(new Error('given up'));
    await expect(given).rejects.toThrow('given up');
    page.enter('fgt_a', false);
    await waiting;
    await page.admitted();
  });

  it('tells whether somebody signed in or put it off', async () => {
    page.noteRefused(null);
    const first = page.signedInNow();
    page.askLater();
    expect(await first).toBe(false);
    page.askNow();
    const second = page.signedInNow();
    page.enter('fgt_a', false);
    expect(await second).toBe(true);
  });

  it('works without a storage', async () => {
    const closed = {
      getItem: () => {
        throw new Error('no storage');
      },
    } as unknown as Storage;
    page = await inTab(closed, load);
    page.enter('fgt_a', true);
    expect(page.authorization()).toBe('Bearer fgt_a');
  });
});
