// The fleet at a glance: one query, and again whenever a cluster changes its health.

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import {
  CLUSTER_EVENTS,
  type Counts,
  FLEET,
  type Fleet,
  type FleetCluster,
  type WatchState,
} from '../api/documents.ts';
import { useLive } from '../api/live.ts';
import { type QueryState, useQuery } from '../api/use_query.ts';
import { KINDS, WORKLOADS } from '../kinds.ts';
import { Heading } from '../parts/heading.tsx';
import { Empty, Loading, QueryNotices } from '../parts/notices.tsx';
import { ClusterStatus, Mark, type Tone, watchWord } from '../parts/status.tsx';
import { Age } from '../parts/time.tsx';
import { go, href } from '../router.ts';

const PAGE = 50;
/** Above so many clusters, the watches are asked for once, and then only of those that are shown. */
const MANY = 100;

interface Row {
  cluster: FleetCluster;
  watches: Map<WatchState, number>;
  pods: number;
  workloads: number;
  degraded: number;
  progressing: number;
}

/** What is counted in each cluster, as far as the server watches it. */
const COUNTED = ['pods', ...WORKLOADS];

type SortKey = 'state' | 'name' | 'version' | 'nodes' | 'pods' | 'workloads';

const SEVERITY = { UNHEALTHY: 0, DEGRADED: 1, UNKNOWN: 2, HEALTHY: 3 };

const byId = (a: Row, b: Row) => a.cluster.id.localeCompare(b.cluster.id);

const ORDERS: Record<SortKey, (a: Row, b: Row) => number> = {
  state: (a, b) =>
    SEVERITY[a.cluster.health.status] - SEVERITY[b.cluster.health.status] ||
    notLive(b) - notLive(a) ||
    b.degraded - a.degraded ||
    b.progressing - a.progressing,
  name: byId,
  version: (a, b) => (a.cluster.version ?? '').localeCompare(b.cluster.version ?? '', undefined, { numeric: true }),
  nodes: (a, b) => b.cluster.nodeCount - a.cluster.nodeCount,
  pods: (a, b) => b.pods - a.pods,
  workloads: (a, b) => b.workloads - a.workloads,
};

const PROBLEMATIC: WatchState[] = ['STALE', 'FORBIDDEN', 'SYNCING'];

function notLive(row: Row): number {
  return PROBLEMATIC.reduce((sum, state) => sum + (row.watches.get(state) ?? 0), 0);
}

type WatchesByCluster = Map<string, Fleet['watches'][number]['freshness']>;

function rowsOf(fleet: Fleet, known: WatchesByCluster): Row[] {
  const counts = (of: Counts | undefined) => new Map(of?.facets.map((facet) => [facet.value, facet.count]));
  const [pods, workloads] = [counts(fleet.pods), counts(fleet.workloads)];
  const [degraded, progressing] = [counts(fleet.degraded), counts(fleet.progressing)];
  for (const cluster of fleet.watches) known.set(cluster.id, cluster.freshness);
  return fleet.clusters.map((cluster) => {
    const states = new Map<WatchState, number>();
    for (const { state } of known.get(cluster.id) ?? []) states.set(state, (states.get(state) ?? 0) + 1);
    return {
      cluster,
      watches: states,
      pods: pods.get(cluster.id) ?? 0,
      workloads: workloads.get(cluster.id) ?? 0,
      degraded: degraded.get(cluster.id) ?? 0,
      progressing: progressing.get(cluster.id) ?? 0,
    };
  });
}

function matches(row: Row, words: string[]): boolean {
  const { id, name, environment, region, version, health } = row.cluster;
  const text = [id, name, environment, region, version, health.status].join(' ').toLowerCase();
  return words.every((word) => text.includes(word));
}

export function FleetView({ params }: { params: URLSearchParams }) {
  const text = params.get('text') ?? '';
  const sort = (params.get('sort') ?? 'state') as SortKey;
  const page = Math.max(0, Number(params.get('page') ?? 0) || 0);

  const [watched, setWatched] = useState<string[] | null>(null);
  const known = useRef<WatchesByCluster>(new Map()).current;
  const [counted, setCounted] = useState<string[]>(COUNTED);
  const workloads = counted.filter((kind) => kind !== 'pods');
  const variables = {
    watches: watched,
    workloads,
    anyPods: counted.includes('pods'),
    anyWorkloads: workloads.length > 0,
  };
  const fleet = useQuery<Fleet>(FLEET, variables, watched === null ? 5_000 : 15_000);
  useCountedKinds(fleet, counted, setCounted);
  useLive(CLUSTER_EVENTS, {}, { next: fleet.refresh, missed: fleet.refresh });

  const rows = useMemo(() => {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const order = ORDERS[sort] ?? ORDERS.state;
    return (fleet.data ? rowsOf(fleet.data, known) : [])
      .filter((row) => matches(row, words))
      .sort((a, b) => order(a, b) || byId(a, b));
  }, [fleet.data, text, sort, known]);

  const shown = rows.slice(page * PAGE, (page + 1) * PAGE);
  const many = (fleet.data?.clusters.length ?? 0) > MANY;
  const shownIds = shown
    .map((row) => row.cluster.id)
    .sort()
    .join();
  useEffect(() => {
    if (many) setWatched(shownIds.split(','));
  }, [many, shownIds]);
  const to = (change: Record<string, string>) => href('fleet', { text, sort: params.get('sort'), ...change });

  return (
    <>
      <Heading title="Fleet" />
      <QueryNotices query={fleet} />
      <Summary fleet={fleet.data} />
      {fleet.data === null ? (
        fleet.failure === null && fleet.loading && <Loading />
      ) : (
        <section aria-label="Clusters">
          <div class="toolbar">
            <h2>Clusters</h2>
            <input
              type="search"
              aria-label="Filter clusters"
              placeholder="Filter by name, environment, region, version …"
              value={text}
              onInput={(event) =>
                go(href('fleet', { text: event.currentTarget.value, sort: params.get('sort') }), true)
              }
            />
          </div>
          {rows.length === 0 ? (
            <Empty title={fleet.data.clusters.length === 0 ? 'No clusters are configured.' : 'No cluster matches.'} />
          ) : (
            <ClusterTable rows={shown} sort={sort} hrefOf={(key) => to({ sort: key })} />
          )}
          {rows.length > PAGE && (
            <nav class="pager" aria-label="Pages">
              {page > 0 && <a href={to({ page: String(page - 1) })}>Previous page</a>}
              <span class="faint">
                {page * PAGE + 1}–{page * PAGE + shown.length} of {rows.length.toLocaleString()}
              </span>
              {(page + 1) * PAGE < rows.length && <a href={to({ page: String(page + 1) })}>Next page</a>}
            </nav>
          )}
        </section>
      )}
    </>
  );
}

/** Where the server refuses to count a kind that it does not watch, asks which it watches, and counts those. */
function useCountedKinds(fleet: QueryState<Fleet>, counted: string[], setCounted: (kinds: string[]) => void): void {
  const [restricted, setRestricted] = useState(false);
  const { data, problems } = fleet;
  const refused = data === null && problems.some((problem) => problem.extensions?.code === 'BAD_USER_INPUT');
  useEffect(() => {
    if (refused && !restricted) {
      setRestricted(true);
      setCounted([]);
    } else if (data && restricted && counted.length === 0) {
      const watched = new Set(data.watches.flatMap(({ freshness }) => freshness.map(({ kind }) => kind)));
      const known = KINDS.filter(({ type, resource }) => watched.has(type) && COUNTED.includes(resource));
      if (known.length > 0) setCounted(known.map(({ resource }) => resource));
    }
  }, [refused, restricted, data, counted, setCounted]);
}

function Summary({ fleet }: { fleet: Fleet | null }) {
  const unwell = fleet?.clusters.filter((cluster) => cluster.health.status !== 'HEALTHY').length;
  const nodes = fleet?.clusters.reduce((sum, cluster) => sum + cluster.nodeCount, 0);
  return (
    <dl class="summary">
      <Figure
        label="Clusters"
        value={fleet?.clusters.length}
        detail={unwell ? `${unwell} not healthy` : 'all healthy'}
        tone={toneFor(unwell, 'bad')}
      />
      <Figure
        label="Degraded objects"
        value={fleet?.degraded.totalCount}
        to={href('broken', { health: 'DEGRADED,MISSING' })}
        tone={toneFor(fleet?.degraded.totalCount, 'bad')}
      />
      <Figure
        label="Progressing"
        value={fleet?.progressing.totalCount}
        to={href('broken', { health: 'PROGRESSING' })}
        tone={toneFor(fleet?.progressing.totalCount, 'warn')}
      />
      <Figure label="Nodes" value={nodes} to={href('objects', { kind: 'Node' })} />
      <Figure label="Workloads" value={fleet?.workloads?.totalCount} to={href('objects', { kind: 'workloads' })} />
      <Figure label="Pods" value={fleet?.pods?.totalCount} to={href('objects', { kind: 'Pod' })} />
    </dl>
  );
}

const toneFor = (count: number | undefined, some: 'warn' | 'bad') =>
  count === undefined ? 'idle' : count > 0 ? some : 'good';

interface FigureProps {
  label: string;
  value: number | undefined;
  detail?: string;
  to?: string;
  tone?: Tone;
}

function Figure({ label, value, detail, to, tone }: FigureProps) {
  const text = value === undefined ? '–' : value.toLocaleString();
  return (
    <div class="figure">
      <dt>
        {tone && <Mark tone={tone} />} {label}
      </dt>
      <dd class="number">
        {to ? <a href={to}>{text}</a> : text}
        {detail && value !== undefined && <small>{detail}</small>}
      </dd>
    </div>
  );
}

const COLUMNS: { key: SortKey; label: string; class?: string }[] = [
  { key: 'name', label: 'Cluster' },
  { key: 'state', label: 'State' },
];

function ClusterTable({ rows, sort, hrefOf }: { rows: Row[]; sort: SortKey; hrefOf(key: SortKey): string }) {
  const head = (key: SortKey, label: string, name = '') => (
    <th
      scope="col"
      class={name}
      aria-sort={sort === key ? (key === 'name' || key === 'version' ? 'ascending' : 'descending') : undefined}
    >
      <a class="sort" href={hrefOf(key)}>
        {label}
      </a>
    </th>
  );
  return (
    <div class="table-frame">
      <table class="stack fleet">
        <caption class="hidden">Clusters with their state, freshness and counts</caption>
        <thead>
          <tr>
            {COLUMNS.map(({ key, label }) => head(key, label))}
            <th scope="col">Objects</th>
            <th scope="col" class="wide">
              Freshness
            </th>
            {head('version', 'Version', 'wide')}
            <th scope="col" class="wider">
              Place
            </th>
            {head('nodes', 'Nodes', 'right wide')}
            {head('workloads', 'Workloads', 'right wide')}
            {head('pods', 'Pods', 'right wide')}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <ClusterRow key={row.cluster.id} row={row} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function ClusterRow({ row }: { row: Row }) {
  const { cluster } = row;
  const said = cluster.health.message ?? cluster.status.message;
  return (
    <tr>
      <th scope="row">
        <a href={href('cluster', {}, cluster.id)}>{cluster.id}</a>
        <div class="sub">{cluster.name !== cluster.id && cluster.name}</div>
        <div class="sub narrow">
          {cluster.version} · {cluster.nodeCount} nodes · {row.workloads} workloads · {row.pods} pods
        </div>
        <div class="sub narrow">
          <Watches watches={row.watches} />
        </div>
      </th>
      <td>
        <ClusterStatus health={cluster.health.status} />
        {said && <div class="sub said">{said}</div>}
      </td>
      <td>
        <Broken row={row} />
      </td>
      <td class="wide">
        <Watches watches={row.watches} />
        <div class="sub">
          <Age at={cluster.health.lastContact} suffix=" ago" />
          {cluster.health.latencyMs !== null && <span> · {Math.max(1, Math.round(cluster.health.latencyMs))} ms</span>}
        </div>
      </td>
      <td class="wide number">{cluster.version ?? '–'}</td>
      <td class="wider">
        {cluster.environment || '–'}
        <div class="sub">{cluster.region}</div>
      </td>
      <td class="wide right number">{cluster.nodeCount.toLocaleString()}</td>
      <td class="wide right number">{row.workloads.toLocaleString()}</td>
      <td class="wide right number">{row.pods.toLocaleString()}</td>
    </tr>
  );
}

function Broken({ row }: { row: Row }) {
  const cluster = row.cluster.id;
  if (row.degraded + row.progressing === 0) return <span class="faint">none broken</span>;
  return (
    <>
      {row.degraded > 0 && (
        <a class="count bad" href={href('broken', { cluster, health: 'DEGRADED,MISSING' })}>
          <Mark tone="bad" />
          {row.degraded.toLocaleString()} degraded
        </a>
      )}
      {row.progressing > 0 && (
        <a class="count warn" href={href('broken', { cluster, health: 'PROGRESSING' })}>
          <Mark tone="warn" />
          {row.progressing.toLocaleString()} progressing
        </a>
      )}
    </>
  );
}

/** `31 live`, or what isn't, first. Kinds that a cluster doesn't have are no fault. */
function Watches({ watches }: { watches: Map<WatchState, number> }) {
  const faults = PROBLEMATIC.filter((state) => watches.get(state));
  const live = watches.get('LIVE') ?? 0;
  if (watches.size === 0) return <span class="faint">not known</span>;
  return (
    <>
      {faults.map((state) => (
        <span key={state} class={state === 'STALE' ? 'bad-text' : 'warn-text'}>
          {watches.get(state)} {watchWord(state).toLowerCase()} ·{' '}
        </span>
      ))}
      {live > 0 || faults.length === 0 ? <span>{live} kinds live</span> : <span>none live</span>}
    </>
  );
}
