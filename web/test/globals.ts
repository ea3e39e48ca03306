// What modules of the page expect of a browser when they are loaded, for tests that have none.

import { vi } from 'vitest';

/** As `sessionStorage`. */
export function storage(initial: Record<string, string> = {}): Storage {
  const entries = new Map(Object.entries(initial));
  return {
    getItem: (key: string) => entries.get(key) ?? null,
    setItem: (key: string, value: string) => void entries.set(key, value),
    removeItem: (key: string) => void entries.delete(key),
    get length() {
      return entries.size;
    },
  } as Storage;
}

/** Loads the modules that `load` imports afresh, in a tab whose storage is given. */
export function inTab<T>(kept: Storage, load: () => Promise<T>): Promise<T> {
  vi.resetModules();
  vi.stubGlobal('document', { baseURI: 'https://fleet.example.com/eu/' });
  vi.stubGlobal('addEventListener', () => {});
  vi.stubGlobal('sessionStorage', kept);
  return load();
}
