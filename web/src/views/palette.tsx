// Search as you type: a dialog with a combobox over the objects of the whole fleet.

import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { connection } from '../api/connection.ts';
import { SEARCH, type SearchAnswer } from '../api/documents.ts';
import { type Problem, request } from '../api/request.ts';
import { useStore } from '../api/store.ts';
import { objectIdOf, placeOf } from '../object_id.ts';
import { SearchIcon } from '../parts/icons.tsx';
import { Mark, toneOf, wordOf } from '../parts/status.tsx';
import { formatClock } from '../parts/time.tsx';
import { go, href, objectHref } from '../router.ts';

/** Time without a key stroke before the server is asked. */
const DEBOUNCE_MS = 120;
const FIRST = 12;

interface Option {
  key: string;
  to: string;
  /** In place of a destination: what the text becomes. */
  text?: string;
  object?: SearchAnswer['resources']['nodes'][number];
}

interface Found {
  /** What was searched for. */
  text: string;
  answer: SearchAnswer | null;
  problems: Problem[];
  failure: string | null;
}

function useSearch(text: string): Found | null {
  const [found, setFound] = useState<Found | null>(null);
  useEffect(() => {
    const words = text.trim();
    if (words === '') {
      setFound(null);
      return;
    }
    const superseded = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const variables = { text: words, prefix: words.split(/\s+/).at(-1), first: FIRST };
        const { data, problems } = await request<SearchAnswer>(SEARCH, variables, superseded.signal);
        setFound({ text: words, answer: data, problems, failure: null });
      } catch (error) {
        if (superseded.signal.aborted) return;
        setFound({ text: words, answer: null, problems: [], failure: (error as Error).message });
      }
    }, DEBOUNCE_MS);
    return () => {
      clearTimeout(timer);
      superseded.abort();
    };
  }, [text]);
  return found;
}

function optionsOf(text: string, found: Found | null): Option[] {
  if (text.trim() === '') return [];
  const objects = (found?.answer?.resources.nodes ?? []).flatMap((object): Option[] => {
    const id = objectIdOf(object);
    return id === null ? [] : [{ key: id, to: objectHref(id), object }];
  });
  return [...objects, { key: 'all', to: href('objects', { text: text.trim() }) }];
}

/** Names that the last word begins, without those that are what was typed or are listed anyway. */
function completionsOf(text: string, found: Found | null): string[] {
  const last = text.trim().split(/\s+/).at(-1) ?? '';
  const listed = new Set(found?.answer?.resources.nodes.map((object) => object.name));
  return (found?.answer?.names ?? []).filter((name) => name !== last && !listed.has(name)).slice(0, 5);
}

export function Palette({ onClose }: { onClose(): void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const listId = useId();
  const [text, setText] = useState('');
  const [active, setActive] = useState(0);
  const found = useSearch(text);
  const options = optionsOf(text, found);
  const completions = completionsOf(text, found);
  const current = Math.min(active, options.length - 1);

  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    input.current?.focus();
    return () => element?.close();
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new answer is looked at from its top
  useEffect(() => setActive(0), [found]);

  useEffect(() => {
    document.getElementById(`${listId}-${current}`)?.scrollIntoView({ block: 'nearest' });
  }, [listId, current]);

  const choose = (option: Option | undefined) => {
    if (!option) return;
    onClose();
    go(option.to);
  };
  const complete = (name: string) => {
    setText((before) => [...before.trim().split(/\s+/).slice(0, -1), name].join(' '));
    input.current?.focus();
  };
  const pressed = (event: KeyboardEvent) => {
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
    const step = steps[event.key];
    if (step !== undefined && options.length > 0) {
      event.preventDefault();
      const wanted = current + step;
      const wraps = Math.abs(step) === 1;
      setActive(wraps ? (wanted + options.length) % options.length : Math.max(0, Math.min(options.length - 1, wanted)));
    } else if (event.key === 'Enter') {
      event.preventDefault();
      // What is listed may belong to fewer letters than were typed.
      choose(found?.text === text.trim() ? options[current] : options.at(-1));
    }
  };

  const total = found?.answer?.resources.totalCount ?? 0;
  const { heldUntil } = useStore(connection);
  const held = heldUntil && `The server asks for fewer requests. The search waits until ${formatClock(heldUntil)}.`;
  return (
    <dialog
      ref={dialog}
      class="palette"
      aria-label="Search the fleet"
      // The event comes later than the end: one of a search that has ended must not end the next.
      onClose={(event) => event.currentTarget.isConnected && onClose()}
      onClick={(event) => event.target === dialog.current && onClose()}
      onKeyDown={(event) => event.key === 'Escape' && onClose()}
    >
      <div class="palette-input">
        <SearchIcon />
        <input
          ref={input}
          type="text"
          role="combobox"
          aria-label="Search objects"
          aria-expanded={options.length > 0}
          aria-controls={listId}
          aria-activedescendant={options.length > 0 ? `${listId}-${current}` : undefined}
          aria-autocomplete="list"
          placeholder="Name, namespace, kind, label, image, address"
          autocomplete="off"
          spellcheck={false}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={pressed}
        />
        <kbd>Esc</kbd>
      </div>
      {completions.length > 0 && (
        <div class="completions" role="group" aria-label="Completions">
          {completions.map((name) => (
            <button key={name} type="button" class="chip" onClick={() => complete(name)}>
              {name}
            </button>
          ))}
        </div>
      )}
      <div id={listId} role="listbox" aria-label="Objects" class="palette-list">
        {options.map((option, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are the combobox's
          // biome-ignore lint/a11y/useFocusableInteractive: the focus stays in the combobox
          <div
            key={option.key}
            id={`${listId}-${index}`}
            role="option"
            aria-selected={index === current}
            onClick={() => choose(option)}
            onMouseMove={() => index !== current && setActive(index)}
          >
            {option.object ? <ObjectOption object={option.object} /> : <span>All objects with “{text.trim()}”</span>}
          </div>
        ))}
      </div>
      <p class="palette-foot" role="status">
        {held ?? found?.failure ?? found?.problems[0]?.message ?? hint(text, found, total)}
      </p>
    </dialog>
  );
}

function hint(text: string, found: Found | null, total: number): string {
  if (text.trim() === '') return 'Words in any order; each must occur. Arrows to move, Enter to open.';
  if (found === null || found.text !== text.trim()) return 'Searching …';
  return total === 1 ? '1 object' : `${total.toLocaleString()} objects`;
}

function ObjectOption({ object }: { object: SearchAnswer['resources']['nodes'][number] }) {
  const { cluster, namespace } = placeOf(object.id);
  const { status, reason } = object.health;
  return (
    <>
      <Mark tone={toneOf(status)} />
      <span class="hidden">{wordOf(status)}</span>
      <span class="palette-name">
        <span class="kind">{object.kind} </span>
        {object.name}
      </span>
      <span class="palette-place">
        {reason && status !== 'HEALTHY' && <span class="bad-text">{reason} · </span>}
        {cluster}
        {namespace && ` / ${namespace}`}
      </span>
    </>
  );
}
