// The changes that were heard of, the newest first, in bounded memory.
//
//   add ──▶ shown (500 at most)              while it runs
//   add ──▶ held (500 at most, and a count of what did not fit) ──resume──▶ shown

import type { ChangeEvent } from '../api/documents.ts';

export const BOUND = 500;

export interface Entry {
  /** Grows with each entry. */
  key: number;
  at: string;
  event: ChangeEvent | null;
  /** In place of an event: that some were missed, and why. */
  gap: string | null;
}

export interface Journal {
  shown: readonly Entry[];
  held: readonly Entry[];
  /** How many were dropped while it was paused, since more came than are held. */
  dropped: number;
  paused: boolean;
}

export const EMPTY: Journal = { shown: [], held: [], dropped: 0, paused: false };

/** `entries` in the order in which they came. */
export function add(journal: Journal, entries: readonly Entry[]): Journal {
  if (entries.length === 0) return journal;
  const newest = [...entries].reverse();
  if (!journal.paused) return { ...journal, shown: [...newest, ...journal.shown].slice(0, BOUND) };
  const held = [...newest, ...journal.held];
  return { ...journal, held: held.slice(0, BOUND), dropped: journal.dropped + Math.max(0, held.length - BOUND) };
}

export function pause(journal: Journal): Journal {
  return { ...journal, paused: true };
}

/** Shows what was held, with a gap where something was dropped. */
export function resume(journal: Journal): Journal {
  const { held, dropped, shown } = journal;
  const oldest = held.at(-1);
  const gap: Entry[] =
    dropped > 0 && oldest
      ? [
          {
            key: oldest.key - 0.5,
            at: oldest.at,
            event: null,
            gap: `${dropped} changes came while this was paused and are not kept.`,
          },
        ]
      : [];
  return { shown: [...held, ...gap, ...shown].slice(0, BOUND), held: [], dropped: 0, paused: false };
}
