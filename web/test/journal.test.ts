import { describe, expect, it } from 'vitest';
import { add, BOUND, EMPTY, type Entry, pause, resume } from '../src/changes/journal.ts';

const entries = (from: number, count: number): Entry[] =>
  Array.from({ length: count }, (_, index) => ({
    key: from + index,
    at: '2026-01-01T00:00:00Z',
    event: null,
    gap: null,
  }));

describe('the journal of changes', () => {
  it('has the newest first, and forgets the oldest', () => {
    const { shown } = add(add(EMPTY, entries(0, BOUND)), entries(BOUND, 3));
    expect(shown).toHaveLength(BOUND);
    expect([shown[0]?.key, shown.at(-1)?.key]).toEqual([BOUND + 2, 3]);
  });

  it('shows nothing new while it is paused, and all of it afterwards', () => {
    const paused = add(pause(add(EMPTY, entries(0, 2))), entries(2, 2));
    expect([paused.shown.length, paused.held.length]).toEqual([2, 2]);
    expect(resume(paused).shown.map((entry) => entry.key)).toEqual([3, 2, 1, 0]);
  });

  it('says how much it dropped during a long pause', () => {
    let journal = pause(EMPTY);
    for (let from = 0; from < 3 * BOUND; from += 100) journal = add(journal, entries(from, 100));
    expect([journal.held.length, journal.dropped]).toEqual([BOUND, 2 * BOUND]);
    const { shown } = resume({ ...journal, held: journal.held.slice(0, 10) });
    expect(shown.at(-1)?.gap).toContain(String(2 * BOUND));
  });
});
