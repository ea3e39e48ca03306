// All objects, of any kind in any cluster, by what is chosen: where a search, a cluster or a count leads to.

import type { HealthStatus, Listed } from '../api/documents.ts';
import { WORKLOADS } from '../kinds.ts';
import { placeOf } from '../object_id.ts';
import { Heading } from '../parts/heading.tsx';
import { ClusterLink, ObjectLink } from '../parts/links.tsx';
import { Empty, Loading, QueryNotices } from '../parts/notices.tsx';
import { FacetChoice, HealthChoices, ObjectsPager, useObjects } from '../parts/objects.tsx';
import { ObjectStatus } from '../parts/status.tsx';
import { Age } from '../parts/time.tsx';
import { go, href } from '../router.ts';

const OFFERED: HealthStatus[] = ['DEGRADED', 'MISSING', 'PROGRESSING', 'UNKNOWN', 'SUSPENDED', 'HEALTHY'];

type Order = [label: string, order: { field: string; direction: string }];

const WORST_FIRST: Order = ['Worst first', { field: 'HEALTH', direction: 'DESC' }];
const ORDERS: Record<string, Order> = {
  health: WORST_FIRST,
  cluster: ['Cluster', { field: 'CLUSTER', direction: 'ASC' }],
  newest: ['Newest first', { field: 'CREATED_AT', direction: 'DESC' }],
  name: ['Name', { field: 'NAME', direction: 'ASC' }],
  kind: ['Kind', { field: 'KIND', direction: 'ASC' }],
};

export function ObjectsView({ params }: { params: URLSearchParams }) {
  const [, order] = ORDERS[params.get('order') ?? 'health'] ?? WORST_FIRST;
  const list = useObjects('objects', params, {
    base: { text: params.get('text') || undefined, labelSelector: params.get('labels') || undefined },
    workloads: WORKLOADS,
    order,
    everyMs: 15_000,
  });
  const objects = list.query;
  const answer = objects.data;
  const change = (key: string) => (value: string) => go(list.to({ [key]: value }));

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
            onInput={(event) => go(list.to({ text: event.currentTarget.value }), true)}
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
        <FacetChoice objects={list} of="kind" />
        <FacetChoice objects={list} of="cluster" />
        <FacetChoice objects={list} of="namespace" />
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
        <HealthChoices objects={list} offered={OFFERED} />
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
      <ObjectsPager objects={list} />
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
