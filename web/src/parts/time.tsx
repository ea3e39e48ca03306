// Ages that grow while they are looked at, by one clock for the whole page.

import { useEffect, useState } from 'preact/hooks';
import { serverNow } from '../api/connection.ts';
import { formatAge } from './age.ts';

const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function onTick(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    if (document.hidden) return;
    for (const each of [...listeners]) each();
  }, 1_000);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** The age of something, such as `3h12m`; with `suffix`, `3h12m ago`. */
export function Age({ at, suffix = '' }: { at: string | null | undefined; suffix?: string }) {
  const then = at ? Date.parse(at) : Number.NaN;
  const text = Number.isNaN(then) ? '–' : formatAge(serverNow() - then) + suffix;
  const [, setText] = useState(text);
  useEffect(() => {
    if (Number.isNaN(then)) return;
    return onTick(() => setText(formatAge(serverNow() - then) + suffix));
  }, [then, suffix]);
  if (Number.isNaN(then)) return <span class="faint">–</span>;
  return (
    <time dateTime={at ?? ''} title={new Date(then).toLocaleString()} class="number">
      {text}
    </time>
  );
}

/** Seconds until something, counted down. */
export function Countdown({ to }: { to: number }) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => onTick(() => setNow(Date.now())), []);
  return <span class="number">{Math.max(0, Math.ceil((to - now) / 1000))} s</span>;
}

const clock = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});

export const formatClock = (at: string | number): string => clock.format(new Date(at));
