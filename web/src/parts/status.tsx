// How something is: always a shape and a word, never a colour alone.

import type { ClusterHealth, Health, HealthStatus, WatchState } from '../api/documents.ts';

export type Tone = 'good' | 'warn' | 'bad' | 'gone' | 'idle';

const HEALTH: Record<HealthStatus, [Tone, string]> = {
  HEALTHY: ['good', 'Healthy'],
  PROGRESSING: ['warn', 'Progressing'],
  DEGRADED: ['bad', 'Degraded'],
  MISSING: ['gone', 'Missing'],
  SUSPENDED: ['idle', 'Suspended'],
  UNKNOWN: ['idle', 'Unknown'],
};

const CLUSTER: Record<ClusterHealth, [Tone, string]> = {
  HEALTHY: ['good', 'Healthy'],
  DEGRADED: ['warn', 'Degraded'],
  UNHEALTHY: ['bad', 'Unreachable'],
  UNKNOWN: ['idle', 'Unknown'],
};

const WATCH: Record<WatchState, [Tone, string]> = {
  LIVE: ['good', 'Live'],
  STALE: ['bad', 'Stale'],
  SYNCING: ['warn', 'Syncing'],
  FORBIDDEN: ['gone', 'Forbidden'],
  ABSENT: ['idle', 'Absent'],
};

export const toneOf = (status: HealthStatus): Tone => HEALTH[status]?.[0] ?? 'idle';
export const wordOf = (status: HealthStatus): string => HEALTH[status]?.[1] ?? status;
export const watchWord = (state: WatchState): string => WATCH[state]?.[1] ?? state;

const MARKS: Record<Tone, string> = {
  good: 'M3.500 8.500l3 3 6-7',
  warn: 'M8 4v4.500l2.500 1.500',
  bad: 'M4.500 4.500l7 7m0-7l-7 7',
  gone: 'M6 6a2 2 0 1 1 2.700 1.900c-.5.2-.7.6-.7 1.300M8 11.700v.1',
  idle: 'M4.500 8h7',
};

export function Mark({ tone }: { tone: Tone }) {
  return (
    <svg class={`mark ${tone}`} viewBox="0 0 16 16" width="14" height="14" aria-hidden="true" focusable="false">
      <circle cx="8" cy="8" r="7.500" class="mark-ground" />
      <path d={MARKS[tone]} class="mark-sign" />
    </svg>
  );
}

function Status({ tone, word }: { tone: Tone; word: string }) {
  return (
    <span class={`status ${tone}`}>
      <Mark tone={tone} />
      {word}
    </span>
  );
}

export function ObjectStatus({ health }: { health: Health }) {
  const [tone, word] = HEALTH[health.status] ?? ['idle', health.status];
  return <Status tone={tone} word={word} />;
}

export function ClusterStatus({ health }: { health: ClusterHealth }) {
  const [tone, word] = CLUSTER[health] ?? ['idle', health];
  return <Status tone={tone} word={word} />;
}

export function WatchStatus({ state }: { state: WatchState }) {
  const [tone, word] = WATCH[state] ?? ['idle', state];
  return <Status tone={tone} word={word} />;
}
