// One cluster: how its control plane is, and how current the copy of each kind is.

import type { HealthStatus } from '../api/documents.ts';
import {
  CLUSTER,
  CLUSTER_EVENTS,
  type ClusterAnswer,
  type ClusterDetail,
  type Freshness,
  type WatchState,
} from '../api/documents.ts';
import { useLive } from '../api/live.ts';
import { useQuery } from '../api/use_query.ts';
import { formatAge } from '../parts/age.ts';
import { Heading } from '../parts/heading.tsx';
import { Empty, Loading, Notice, QueryNotices } from '../parts/notices.tsx';
import { ClusterStatus, Mark, toneOf, WatchStatus, wordOf } from '../parts/status.tsx';
import { Age } from '../parts/time.tsx';
import { href } from '../router.ts';

export function ClusterView({ id }: { id: string }) {
  const query = useQuery<ClusterAnswer>(CLUSTER, { id, only: [id] }, 5_000);
  useLive(CLUSTER_EVENTS, {}, { next: query.refresh, missed: query.refresh });
  const cluster = query.data?.cluster;
  return (
    <>
      <p class="above">
        <a href="#/">Fleet</a>
      </p>
      <Heading title={id}>{cluster && <ClusterStatus health={cluster.health.status} />}</Heading>
      <QueryNotices query={query} />
      {query.data === null && query.failure === null && query.problems.length === 0 && <Loading />}
      {query.data && !cluster && <Empty title="There is no such cluster." />}
      {cluster && <Detail cluster={cluster} byHealth={query.data?.byHealth.facets ?? []} />}
    </>
  );
}

function Detail({ cluster, byHealth }: { cluster: ClusterDetail; byHealth: { value: string; count: number }[] }) {
  const said = cluster.health.message ?? cluster.status.message;
  return (
    <>
      {said && (
        <Notice tone={cluster.health.status === 'UNHEALTHY' ? 'bad' : 'warn'}>
          <p>{said}</p>
        </Notice>
      )}
      <div class="columns">
        <section aria-label="Facts">
          <h2>Facts</h2>
          <dl class="facts">
            <dt>Name</dt>
            <dd>{cluster.name}</dd>
            <dt>Version</dt>
            <dd>{cluster.version ?? 'not known'}</dd>
            <dt>Environment</dt>
            <dd>{cluster.environment || '–'}</dd>
            <dt>Region</dt>
            <dd>{cluster.region ?? '–'}</dd>
            <dt>Last contact</dt>
            <dd>
              <Age at={cluster.health.lastContact} suffix=" ago" />
              {cluster.health.latencyMs !== null && ` in ${Math.max(1, Math.round(cluster.health.latencyMs))} ms`}
            </dd>
            <dt>Made</dt>
            <dd>
              <Age at={cluster.createdAt} suffix=" ago" />
            </dd>
            <dt>Nodes</dt>
            <dd>
              <a href={href('objects', { cluster: cluster.id, kind: 'Node' })}>{cluster.nodeCount.toLocaleString()}</a>
            </dd>
            <dt>Namespaces</dt>
            <dd>
              <a href={href('objects', { cluster: cluster.id, kind: 'Namespace' })}>
                {cluster.namespaceCount.toLocaleString()}
              </a>
            </dd>
          </dl>
        </section>
        <section aria-label="Control plane">
          <h2>Control plane</h2>
          {cluster.status.components.length === 0 && <p class="faint">Nothing is known of it yet.</p>}
          <ul class="plain">
            {cluster.status.components.map((component) => (
              <li key={component.name}>
                <ClusterStatus health={component.status} /> <code>{component.name}</code>
                {component.message && <div class="sub said">{component.message}</div>}
              </li>
            ))}
          </ul>
        </section>
        <section aria-label="Objects by health">
          <h2>Objects</h2>
          <ul class="plain">
            {byHealth.map(({ value, count }) => (
              <li key={value}>
                <a href={href('objects', { cluster: cluster.id, health: value })}>
                  <Mark tone={toneOf(value as HealthStatus)} /> {count.toLocaleString()}{' '}
                  {wordOf(value as HealthStatus).toLowerCase()}
                </a>
              </li>
            ))}
          </ul>
        </section>
      </div>
      <FreshnessTable cluster={cluster.id} freshness={cluster.freshness} />
    </>
  );
}

const ORDER: WatchState[] = ['STALE', 'SYNCING', 'FORBIDDEN', 'LIVE', 'ABSENT'];

function FreshnessTable({ cluster, freshness }: { cluster: string; freshness: Freshness[] }) {
  const rows = [...freshness].sort(
    (a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state) || a.kind.localeCompare(b.kind),
  );
  return (
    <section aria-label="Freshness">
      <h2>Freshness of each kind</h2>
      <div class="table-frame">
        <table>
          <caption class="hidden">The watch of each kind</caption>
          <thead>
            <tr>
              <th scope="col">Kind</th>
              <th scope="col">Watch</th>
              <th scope="col" class="right">
                Objects
              </th>
              <th scope="col" class="right">
                Last heard
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.kind}>
                <th scope="row">
                  {row.objects > 0 ? <a href={href('objects', { cluster, kind: row.kind })}>{row.kind}</a> : row.kind}
                </th>
                <td>
                  <WatchStatus state={row.state} />
                  {row.error && <div class="sub said">{row.error}</div>}
                  {row.malformed > 0 && (
                    <div class="sub warn-text">{row.malformed} objects can’t be read and are left out</div>
                  )}
                </td>
                <td class="right number">{row.objects.toLocaleString()}</td>
                <td class="right number">
                  {row.ageSeconds === null ? '–' : `${formatAge(row.ageSeconds * 1000)} ago`}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
