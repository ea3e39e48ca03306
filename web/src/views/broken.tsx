// What is broken now, the worst first, by cluster and namespace.

import { useState } from 'preact/hooks';
import { UNHEALTHY } from '../api/documents.ts';
import { type Family, familiesByPlace, type Place } from '../broken/families.ts';
import { WORKLOADS } from '../kinds.ts';
import { Heading } from '../parts/heading.tsx';
import { ChevronIcon } from '../parts/icons.tsx';
import { ClusterLink, ObjectLink } from '../parts/links.tsx';
import { Empty, Loading, QueryNotices } from '../parts/notices.tsx';
import { FacetChoice, HealthChoices, ObjectsPager, useObjects } from '../parts/objects.tsx';
import { ObjectStatus } from '../parts/status.tsx';
import { Age, formatClock } from '../parts/time.tsx';
import { href } from '../router.ts';

export function BrokenView({ params }: { params: URLSearchParams }) {
  const objects = useObjects('broken', params, {
    base: { health: UNHEALTHY },
    workloads: [...WORKLOADS, 'replicasets.apps', 'pods'],
    order: { field: 'HEALTH', direction: 'DESC' },
    everyMs: 10_000,
  });
  const broken = objects.query;
  const answer = broken.data;
  const places = answer ? familiesByPlace(answer.resources.nodes) : [];

  return (
    <>
      <Heading title="Broken now">
        {answer && (
          <p class="faint number">
            {answer.resources.totalCount.toLocaleString()} objects
            {broken.at !== null && `, as of ${formatClock(broken.at)}`}
          </p>
        )}
      </Heading>
      <div class="filters">
        <HealthChoices objects={objects} offered={UNHEALTHY} />
        <FacetChoice objects={objects} of="cluster" />
        <FacetChoice objects={objects} of="namespace" />
        <FacetChoice objects={objects} of="kind" />
      </div>
      <QueryNotices query={broken} />
      {answer === null && broken.failure === null && broken.loading && <Loading rows={12} />}
      {answer && places.length === 0 && (
        <Empty title={params.get('after') ? 'This page is empty now.' : 'Nothing that matches is broken.'}>
          {params.size > 0 && <a href={href('broken')}>Show all that is broken</a>}
        </Empty>
      )}
      <div class={broken.outdated ? 'outdated' : ''} aria-busy={broken.outdated}>
        {places.map((place) => (
          <PlaceTable key={`${place.cluster}:${place.namespace}`} place={place} />
        ))}
      </div>
      <ObjectsPager objects={objects} />
    </>
  );
}

function PlaceTable({ place }: { place: Place }) {
  const name = place.namespace ?? 'cluster-scoped';
  return (
    <section class="place" aria-label={`${place.cluster}, ${name}`}>
      <h2>
        <ClusterLink id={place.cluster} />
        <span class="faint"> / </span>
        {place.namespace ? (
          <a href={href('broken', { cluster: place.cluster, namespace: name })}>{name}</a>
        ) : (
          <span class="faint">{name}</span>
        )}
      </h2>
      <div class="table-frame">
        <table class="fixed stack">
          <caption class="hidden">
            Broken in {place.cluster}, {name}
          </caption>
          <thead class="hidden-head">
            <tr>
              <th scope="col" class="col-status">
                Health
              </th>
              <th scope="col">Object</th>
              <th scope="col">Reason</th>
              <th scope="col" class="col-age right">
                Age
              </th>
            </tr>
          </thead>
          {place.families.map((family) => (
            <FamilyRows key={family.head.kind + family.head.id} family={family} />
          ))}
        </table>
      </div>
    </section>
  );
}

const SHOWN = 50;

function FamilyRows({ family }: { family: Family }) {
  const [open, setOpen] = useState(false);
  const { head, members, reasons, status } = family;
  const shown = members.slice(0, SHOWN);
  return (
    <tbody>
      <tr>
        <td>
          <ObjectStatus health={{ status, reason: null }} />
        </td>
        <th scope="row">
          <ObjectLink object={head} withKind />
          {members.length > 0 && (
            <button type="button" class="fold" aria-expanded={open} onClick={() => setOpen(!open)}>
              <ChevronIcon />
              {members.length} below
            </button>
          )}
        </th>
        <td class="line">
          {reasons.slice(0, 4).map(({ reason, kind, count, status }) => (
            <span key={kind + reason} class={`reason ${status === 'DEGRADED' ? 'bad-text' : ''}`}>
              {reason}
              {(count > 1 || kind !== head.kind) && (
                <span class="faint">
                  {' '}
                  {count} {kind.toLowerCase()}
                  {count === 1 ? '' : 's'}
                </span>
              )}
            </span>
          ))}
          {head.message && <div class="sub said">{head.message}</div>}
        </td>
        <td class="right">{head.createdAt && <Age at={head.createdAt} />}</td>
      </tr>
      {open &&
        shown.map((member) => (
          <tr key={member.kind + member.id} class="member">
            <td>
              <ObjectStatus health={member.health} />
            </td>
            <th scope="row">
              <ObjectLink object={member} withKind />
            </th>
            <td class="line">
              {member.health.reason}
              {member.restartCount ? <span class="faint"> {member.restartCount} restarts</span> : null}
              {member.message && <div class="sub said">{member.message}</div>}
            </td>
            <td class="right">
              <Age at={member.createdAt} />
            </td>
          </tr>
        ))}
      {open && members.length > shown.length && (
        <tr class="member">
          <td colSpan={4} class="faint">
            … and {members.length - shown.length} more on this page
          </td>
        </tr>
      )}
    </tbody>
  );
}
