// What the lists of objects share: the choices that are in the address, the query that they make, and its pages.

import { type HealthStatus, OBJECTS, type ObjectsAnswer } from '../api/documents.ts';
import { useHealthEvents } from '../api/use_health_events.ts';
import { type QueryHandle, useQuery } from '../api/use_query.ts';
import { go, href } from '../router.ts';
import { Choice, HealthChoice } from './filters.tsx';
import { Pager } from './pager.tsx';

const PAGE = 100;

/** As `resources` takes it. */
interface ObjectsFilter {
  text?: string | undefined;
  labelSelector?: string | undefined;
  kinds?: readonly string[] | undefined;
  clusters?: string[] | undefined;
  namespaces?: string[] | undefined;
  health?: readonly HealthStatus[] | undefined;
}

interface Wanted {
  /** What is chosen besides; its health where none is chosen. */
  base: ObjectsFilter;
  /** What the kind `workloads` stands for. */
  workloads: readonly string[];
  order: { field: string; direction: string };
  /** How often the list is read again. */
  everyMs: number;
}

export interface Objects {
  params: URLSearchParams;
  /** The states that are chosen; none means all that are offered. */
  chosen: HealthStatus[];
  query: QueryHandle<ObjectsAnswer>;
  /** The address with other choices, from the first page on. */
  to(change: Record<string, string | null>): string;
}

const list = (value: string | null) => (value ? [value] : undefined);

export function useObjects(view: 'broken' | 'objects', params: URLSearchParams, wanted: Wanted): Objects {
  const chosen = (params.get('health') ?? '').split(',').filter(Boolean) as HealthStatus[];
  const kind = params.get('kind');
  const any: ObjectsFilter = {
    ...wanted.base,
    kinds: kind === 'workloads' ? wanted.workloads : list(kind),
    clusters: list(params.get('cluster')),
    namespaces: list(params.get('namespace')),
  };
  const filter = { ...any, health: chosen.length > 0 ? chosen : any.health };
  const variables = { filter, any, order: wanted.order, first: PAGE, after: params.get('after') };
  const query = useQuery<ObjectsAnswer>(OBJECTS, variables, wanted.everyMs);
  useHealthEvents(params.get('cluster'), params.get('namespace'), query.refresh);
  const to = (change: Record<string, string | null>) =>
    href(view, { ...Object.fromEntries(params), after: null, ...change });
  return { params, chosen, query, to };
}

const FACETS = {
  cluster: { label: 'Cluster', all: 'All clusters', counts: 'byCluster' },
  namespace: { label: 'Namespace', all: 'All namespaces', counts: 'byNamespace' },
  kind: { label: 'Kind', all: 'All kinds', counts: 'byKind' },
} as const;

export function FacetChoice({ objects, of }: { objects: Objects; of: keyof typeof FACETS }) {
  const { label, all, counts } = FACETS[of];
  return (
    <Choice
      label={label}
      all={all}
      value={objects.params.get(of) ?? ''}
      counts={objects.query.data?.resources[counts] ?? []}
      onChange={(value) => go(objects.to({ [of]: value }))}
    />
  );
}

export function HealthChoices({ objects, offered }: { objects: Objects; offered: readonly HealthStatus[] }) {
  return (
    <HealthChoice
      offered={offered}
      chosen={objects.chosen}
      counts={objects.query.data?.any.byHealth ?? []}
      onChange={(health) => go(objects.to({ health: health.join() }))}
    />
  );
}

export function ObjectsPager({ objects }: { objects: Objects }) {
  const resources = objects.query.data?.resources;
  if (!resources) return null;
  return (
    <Pager
      after={objects.params.get('after')}
      endCursor={resources.pageInfo.endCursor}
      hasNextPage={resources.pageInfo.hasNextPage}
      shown={resources.nodes.length}
      total={resources.totalCount}
      hrefOf={(cursor) => objects.to({ after: cursor })}
    />
  );
}
