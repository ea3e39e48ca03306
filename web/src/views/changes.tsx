// Changes as they happen, over the subscription.

import { useEffect, useRef, useState } from 'preact/hooks';
import { serverNow } from '../api/connection.ts';
import { CHANGES, type ChangeEvent, CLUSTER_IDS } from '../api/documents.ts';
import { useLive } from '../api/live.ts';
import type { Problem } from '../api/request.ts';
import { useQuery } from '../api/use_query.ts';
import { add, EMPTY, type Entry, type Journal, pause, resume } from '../changes/journal.ts';
import { KINDS } from '../kinds.ts';
import { placeOf } from '../object_id.ts';
import { formatAge } from '../parts/age.ts';
import { Heading } from '../parts/heading.tsx';
import { PauseIcon, PlayIcon } from '../parts/icons.tsx';
import { ObjectLink } from '../parts/links.tsx';
import { Empty, Problems } from '../parts/notices.tsx';
import { ObjectStatus } from '../parts/status.tsx';
import { formatClock } from '../parts/time.tsx';
import { go, href } from '../router.ts';

/** Events that come within this time are drawn at once. */
const DRAW_MS = 250;
/** How many rows are drawn; more are kept. */
const DRAWN = 200;

let keys = 0;

export function ChangesView({ params }: { params: URLSearchParams }) {
  const clusters = useQuery<{ clusters: { id: string }[] }>(CLUSTER_IDS, {}, 60_000);
  const cluster = params.get('cluster');
  const namespace = params.get('namespace');
  const kind = params.get('kind');
  const selector = params.get('labels');
  const quiet = params.get('events') === null && kind === null;
  const [problems, setProblems] = useState<Problem[]>([]);
  const [rate, setRate] = useState(0);
  const { journal, record, change, clear } = useJournal();

  const recent = useRef<number[]>([]);
  useLive<{ resourceEvents: ChangeEvent }>(
    CHANGES,
    { cluster, namespace, kind, selector },
    {
      next: ({ resourceEvents: event }) => {
        if (quiet && event.resourceType === 'Event') return;
        recent.current.push(Date.now());
        const gap = event.type === 'RESYNC' ? missedIn(event) : null;
        record({ key: ++keys, at: event.timestamp, event: gap === null ? event : null, gap });
      },
      missed: (ms) => {
        setProblems([]);
        record({
          key: ++keys,
          at: new Date(serverNow()).toISOString(),
          event: null,
          gap: `Nothing was heard for ${formatAge(ms)}: changes in that time are missing here.`,
        });
      },
      refused: setProblems,
    },
  );

  useEffect(() => {
    const timer = setInterval(() => {
      const since = Date.now() - 10_000;
      recent.current = recent.current.filter((at) => at >= since);
      setRate(recent.current.length / 10);
    }, 1_000);
    return () => clearInterval(timer);
  }, []);

  const filters = [cluster, namespace, kind, selector, quiet].join('\n');
  // biome-ignore lint/correctness/useExhaustiveDependencies: what was seen through other filters goes when they change
  useEffect(() => {
    setProblems([]);
    clear();
  }, [filters]);

  const set = (key: string) => (event: { currentTarget: { value: string } }) =>
    go(href('changes', { ...Object.fromEntries(params), [key]: event.currentTarget.value }));

  return (
    <>
      <Heading title="Changes">
        <p class="faint number">{rate.toFixed(1)} a second</p>
        <button
          type="button"
          class="button"
          aria-pressed={journal.paused}
          onClick={() => change(journal.paused ? resume : pause)}
        >
          {journal.paused ? <PlayIcon /> : <PauseIcon />}
          {journal.paused ? `Continue (${journal.held.length + journal.dropped} waiting)` : 'Pause'}
        </button>
      </Heading>
      <div class="filters">
        <div class="field">
          <label for="changes-cluster">Cluster</label>
          <select id="changes-cluster" value={cluster ?? ''} onChange={set('cluster')}>
            <option value="">All clusters</option>
            {clusters.data?.clusters.map(({ id }) => (
              <option key={id} value={id}>
                {id}
              </option>
            ))}
          </select>
        </div>
        <div class="field">
          <label for="changes-namespace">Namespace</label>
          <input
            id="changes-namespace"
            type="text"
            placeholder="All namespaces"
            value={namespace ?? ''}
            onChange={set('namespace')}
            spellcheck={false}
            autocomplete="off"
          />
        </div>
        <div class="field">
          <label for="changes-kind">Kind</label>
          <select id="changes-kind" value={kind ?? ''} onChange={set('kind')}>
            <option value="">All kinds</option>
            {KINDS.map(({ type, resource }) => (
              <option key={type} value={resource}>
                {type}
              </option>
            ))}
          </select>
        </div>
        <div class="field">
          <label for="changes-labels">Label selector</label>
          <input
            id="changes-labels"
            type="text"
            placeholder="app=cart,tier in (web,api)"
            value={selector ?? ''}
            onChange={set('labels')}
            spellcheck={false}
            autocomplete="off"
          />
        </div>
        <label class="check">
          <input
            type="checkbox"
            checked={!quiet}
            disabled={kind !== null}
            onChange={(event) =>
              go(
                href('changes', {
                  ...Object.fromEntries(params),
                  events: event.currentTarget.checked ? 'shown' : null,
                }),
              )
            }
          />
          With Kubernetes events
        </label>
      </div>
      {problems.length > 0 && <Problems problems={problems} refused />}
      {journal.shown.length === 0 ? (
        <Empty title={journal.paused ? 'Paused.' : 'Listening.'}>Changes are shown here as they happen.</Empty>
      ) : (
        <ChangesTable entries={journal.shown.slice(0, DRAWN)} />
      )}
      {journal.shown.length > DRAWN && (
        <p class="faint">
          The last {DRAWN} of {journal.shown.length} that are kept. Older ones are not.
        </p>
      )}
    </>
  );
}

function useJournal() {
  const [journal, setJournal] = useState<Journal>(EMPTY);
  const incoming = useRef<Entry[]>([]);
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  const draw = () => {
    timer.current = null;
    const entries = incoming.current;
    incoming.current = [];
    setJournal((before) => add(before, entries));
  };
  const record = (entry: Entry) => {
    incoming.current.push(entry);
    // A hidden tab draws nothing and its timers are slow: what would not be shown anyway is not kept for it.
    if (incoming.current.length > 2_000) draw();
    timer.current ??= setTimeout(draw, DRAW_MS);
  };
  useEffect(() => () => clearTimeout(timer.current ?? undefined), []);
  return {
    journal,
    record,
    change: (by: (journal: Journal) => Journal) => setJournal(by),
    clear: () => {
      incoming.current = [];
      setJournal(({ paused }) => ({ ...EMPTY, paused }));
    },
  };
}

function missedIn({ clusterId, message }: ChangeEvent): string {
  const where = clusterId === null ? 'all clusters' : clusterId;
  return `Changes in ${where} were missed${message ? `: ${message}` : '.'}`;
}

const WORDS = { CREATED: 'created', UPDATED: 'updated', DELETED: 'deleted', RESYNC: 'missed' };

function ChangesTable({ entries }: { entries: Entry[] }) {
  return (
    <div class="table-frame">
      <table class="changes stack">
        <caption class="hidden">Changes, the newest first</caption>
        <thead>
          <tr>
            <th scope="col" class="col-clock">
              Time
            </th>
            <th scope="col" class="col-change">
              Change
            </th>
            <th scope="col">Object</th>
            <th scope="col" class="wide col-place">
              Cluster / namespace
            </th>
            <th scope="col" class="wide col-health">
              Health
            </th>
          </tr>
        </thead>
        <tbody>
          {entries.map((entry) =>
            entry.event?.resource ? (
              <ChangeRow key={entry.key} at={entry.at} event={entry.event} resource={entry.event.resource} />
            ) : (
              <tr key={entry.key} class="gap">
                <td class="number">{formatClock(entry.at)}</td>
                <td colSpan={4}>{entry.gap}</td>
              </tr>
            ),
          )}
        </tbody>
      </table>
    </div>
  );
}

interface ChangeRowProps {
  at: string;
  event: ChangeEvent;
  resource: NonNullable<ChangeEvent['resource']>;
}

function ChangeRow({ at, event, resource }: ChangeRowProps) {
  const { cluster, namespace } = placeOf(resource.id);
  const gone = event.type === 'DELETED';
  return (
    <tr class={gone ? 'gone-row' : ''}>
      <td class="number">
        <time dateTime={at}>{formatClock(at)}</time>
      </td>
      <td>
        <span class={`change ${event.type.toLowerCase()}`}>{WORDS[event.type]}</span>
      </td>
      <td>
        <ObjectLink object={resource} withKind />
        <div class="sub narrow">
          {cluster}
          {namespace && ` / ${namespace}`}
        </div>
      </td>
      <td class="wide">
        {cluster}
        {namespace && <span class="faint"> / {namespace}</span>}
      </td>
      <td class="wide">
        {!gone && (
          <>
            <ObjectStatus health={resource.health} />
            {resource.health.reason && <span class="faint"> {resource.health.reason}</span>}
          </>
        )}
      </td>
    </tr>
  );
}
