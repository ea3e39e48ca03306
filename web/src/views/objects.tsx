// All objects, of any kind in any cluster, by what is chosen: where a search, a cluster or a count leads to.

import { type HealthStatus, type Listed, OBJECTS, type ObjectsAnswer } from '../api/documents.ts';
import { useHealthEvents } from '../api/use_health_events.ts';
import { useQuery } from '../api/use_query.ts';
import { WORKLOADS } from '../kinds.ts';
import { placeOf } from '../object_id.ts';
import { Choice, HealthChoice } from '../parts/filters.tsx';
import { Heading } from '../parts/heading.tsx';
import { ClusterLink, ObjectLink } from '../parts/links.tsx';
import { Empty, Loading, QueryNotices } from '../parts/notices.tsx';
import { Pager } from '../parts/pager.tsx';
import { ObjectStatus } from '../parts/status.tsx';
import { Age } from '../parts/time.tsx';
import { go, href } from '../router.ts';

const PAGE = 100;
const OFFERED: HealthStatus[] = ['DEGRADED', 'MISSING', 'PROGRESSING', 'UNKNOWN', 'SUSPENDED', 'HEALTHY'];

const ORDERS: Record<string, [label: string, order: { field: string; direction: string }]> = {
  health: ['Worst first', { field: 'HEALTH', direction: 'DESC' }],
  cluster: ['Cluster', { field: 'CLUSTER', direction: 'ASC' }],
  newest: ['Newest first', { field: 'CREATED_AT', direction: 'DESC' }],
  name: ['Name', { field: 'NAME', direction: 'ASC' }],
  kind: ['Kind', { field: 'KIND', direction: 'ASC' }],
};

const list = (value: string | null) => (value ? [value] : undefined);

export function ObjectsView({ params }: { params: URLSearchParams }) {
  const chosen = (params.get('health') ?? '').split(',').filter(Boolean) as HealthStatus[];
  const kind = params.get('kind');
  const after = params.get('after');
  const any = {
    text: params.get('text') || undefined,
    labelSelector: params.get('labels') || undefined,
    kinds: kind === 'workloads' ? WORKLOADS : list(kind),
    clusters: list(params.get('cluster')),
    namespaces: list(params.get('namespace')),
  };
  const filter = { ...any, health: chosen.length > 0 ? chosen : undefined };
  const order = ORDERS[params.get('order') ?? 'health'] ?? ORDERS.health;
  const variables = { filter, any, order: order?.[1], first: PAGE, after };
  const objects = useQuery<ObjectsAnswer>(OBJECTS, variables, 15_000);
  useHealthEvents(params.get('cluster'), params.get('namespace'), objects.refresh);

  const to = (change: Record<string, string | null>) =>
    href('objects', { ...Object.fromEntries(params), after: null, ...change });
  const change = (key: string) => (value: string) => go(to({ [key]: value }));
  const answer = objects.data;

  return (
    <>
      <Heading title="Objects">
        {answer && <p class="faint number">{answer.resources.totalCount.toLocaleString()} match</p>}
      </Heading>
      <div class="filters">
        <div class="field grow">
          <label for="objects-text">Words</label>
          <input
            id="objects-text"
            type="search"
            placeholder="Name, namespace, kind, label, image, address"
            value={params.get('text') ?? ''}
            onInput={(event) => go(to({ text: event.currentTarget.value }), true)}
          />
        </div>
        <div class="field">
          <label for="objects-labels">Label selector</label>
          <input
            id="objects-labels"
            type="text"
            placeholder="app=cart,tier in (web,api)"
            spellcheck={false}
            autocomplete="off"
            value={params.get('labels') ?? ''}
            onChange={(event) => change('labels')(event.currentTarget.value)}
          />
        </div>
        <Choice
          label="Kind"
          all="All kinds"
          value={kind ?? ''}
          counts={answer?.resources.byKind ?? []}
          onChange={change('kind')}
        />
        <Choice
          label="Cluster"
          all="All clusters"
          value={params.get('cluster') ?? ''}
          counts={answer?.resources.byCluster ?? []}
          onChange={change('cluster')}
        />
        <Choice
          label="Namespace"
          all="All namespaces"
          value={params.get('namespace') ?? ''}
          counts={answer?.resources.byNamespace ?? []}
          onChange={change('namespace')}
        />
        <div class="field">
          <label for="objects-order">Order</label>
          <select
            id="objects-order"
            value={params.get('order') ?? 'health'}
            onChange={(event) => change('order')(event.currentTarget.value)}
          >
            {Object.entries(ORDERS).map(([key, [label]]) => (
              <option key={key} value={key}>
                {label}
              </option>
            ))}
          </select>
        </div>
        <HealthChoice
          offered={OFFERED}
          chosen={chosen}
          counts={answer?.any.byHealth ?? []}
          onChange={(health) => go(to({ health: health.join() }))}
        />
      </div>
      <QueryNotices query={objects} />
      {answer === null && objects.failure === null && objects.loading && <Loading rows={12} />}
      {answer && answer.resources.nodes.length === 0 && (
        <Empty title="Nothing matches.">
          <a href={href('objects')}>Show all objects</a>
        </Empty>
      )}
      {answer && answer.resources.nodes.length > 0 && (
        <div class={objects.outdated ? 'table-frame outdated' : 'table-frame'} aria-busy={objects.outdated}>
          <table class="stack objects">
            <caption class="hidden">Objects</caption>
            <thead>
              <tr>
                <th scope="col">Name</th>
                <th scope="col">Health</th>
                <th scope="col" class="wide">
                  Kind
                </th>
                <th scope="col" class="wide">
                  Namespace
                </th>
                <th scope="col" class="wide">
                  Cluster
                </th>
                <th scope="col" class="right">
                  Age
                </th>
              </tr>
            </thead>
            <tbody>
              {answer.resources.nodes.map((object) => (
                <ObjectRow key={object.kind + object.id} object={object} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {answer && (
        <Pager
          after={after}
          endCursor={answer.resources.pageInfo.endCursor}
          hasNextPage={answer.resources.pageInfo.hasNextPage}
          shown={answer.resources.nodes.length}
          total={answer.resources.totalCount}
          hrefOf={(cursor) => to({ after: cursor })}
        />
      )}
    </>
  );
}

function ObjectRow({ object }: { object: Listed }) {
  const { cluster, namespace } = placeOf(object.id);
  return (
    <tr>
      <th scope="row">
        <ObjectLink object={object} />
        <div class="sub narrow">
          {object.kind} · {cluster}
          {namespace && ` · ${namespace}`}
        </div>
      </th>
      <td>
        <ObjectStatus health={object.health} />
        <div class="sub said">{object.health.reason}</div>
      </td>
      <td class="wide">{object.kind}</td>
      <td class="wide">{namespace ?? <span class="faint">–</span>}</td>
      <td class="wide">
        <ClusterLink id={cluster} />
      </td>
      <td class="right">
        <Age at={object.createdAt} />
      </td>
    </tr>
  );
}
