// One object: facts, health, labels, relations, events, YAML; live while it is open.

import { useMemo, useRef, useState } from 'preact/hooks';
import {
  CUSTOM_OBJECT,
  GRAPH,
  type Graph,
  type ObjectDetail,
  type Owner,
  objectQuery,
  TOUCHED,
  type TouchedEvent,
} from '../api/documents.ts';
import { useLive } from '../api/live.ts';
import { type QueryHandle, useQuery } from '../api/use_query.ts';
import { GraphView } from '../graph/graph_view.tsx';
import { kindOfResource } from '../kinds.ts';
import { Events } from '../object/events.tsx';
import { FactList, KindTables } from '../object/facts.tsx';
import { YamlView } from '../object/yaml_view.tsx';
import { type ObjectId, objectIdOf } from '../object_id.ts';
import { formatAge } from '../parts/age.ts';
import { Heading } from '../parts/heading.tsx';
import { ClusterLink, ObjectLink } from '../parts/links.tsx';
import { Empty, Loading, Notice, QueryNotices } from '../parts/notices.tsx';
import { ObjectStatus, watchWord } from '../parts/status.tsx';
import { Age, formatClock } from '../parts/time.tsx';
import { href } from '../router.ts';

/** Objects that are drawn at most. */
const GRAPH_SIZE = 120;
/** Relations are walked over many objects, and are asked for again more rarely than the object itself. */
const GRAPH_POLL_MS = 20_000;

export function ObjectView({ id }: { id: ObjectId }) {
  const kind = kindOfResource(id.resource);
  const { cluster, namespace, name, resource } = id;
  const [depth, setDepth] = useState(2);
  const place = namespace === null ? { cluster, name } : { cluster, namespace, name };
  const detail = useQuery<{ object: ObjectDetail | null }>(
    kind ? objectQuery(kind) : CUSTOM_OBJECT,
    kind ? place : { ...place, resource },
    15_000,
  );
  const graph = useQuery<{ resourceGraph: Graph | null }>(
    GRAPH,
    { cluster, resource, namespace, name, depth, limit: GRAPH_SIZE },
    GRAPH_POLL_MS,
  );
  const gone = useGone(detail);
  useTouched(id, detail, graph);

  const object = detail.data?.object ?? gone.last;
  return (
    <>
      <Above id={id} owner={object?.ownedBy ?? null} />
      <Heading title={name}>
        <span class="kind-badge">{object?.kind ?? kind?.type ?? resource}</span>
        {object && !gone.at && (
          <>
            <ObjectStatus health={object.health} />
            {object.health.reason && <strong class="reason-badge">{object.health.reason}</strong>}
          </>
        )}
      </Heading>
      <QueryNotices query={detail} />
      {gone.at !== null && (
        <Notice tone="warn">
          <p role="status">
            <strong>It is gone since {formatClock(gone.at)}.</strong> What follows is its last known state.
          </p>
        </Notice>
      )}
      {detail.data === null && detail.failure === null && detail.loading && <Loading rows={10} />}
      {detail.data && !object && (
        <Empty title="There is no such object.">
          It may have been deleted, or never have been in {cluster}.{' '}
          <a href={href('objects', { text: name })}>Search for its name</a>
        </Empty>
      )}
      {object && (
        <>
          <Freshness object={object} />
          <div class="object">
            <aside aria-label="Facts">
              <Facts id={id} object={object} />
              <Pairs
                title="Labels"
                pairs={object.labels}
                hrefOf={(label) => href('objects', { labels: label, cluster })}
              />
              <Pairs title="Annotations" pairs={object.annotations} />
            </aside>
            <div class="object-main">
              <Relations graph={graph} depth={depth} onDepth={setDepth} gone={gone.at !== null} />
              <KindTables object={object} />
              <Events
                events={object.events}
                known={!detail.problems.some((problem) => problem.path?.includes('events'))}
              />
            </div>
          </div>
          <YamlView yaml={object.yaml} />
        </>
      )}
    </>
  );
}

interface RelationsProps {
  graph: QueryHandle<{ resourceGraph: Graph | null }>;
  depth: number;
  onDepth(depth: number): void;
  gone: boolean;
}

function Relations({ graph, depth, onDepth, gone }: RelationsProps) {
  const [asList, setAsList] = useState(false);
  const shown = useLastGraph(graph.data?.resourceGraph ?? null);
  return (
    <section aria-label="Relations">
      <div class="toolbar">
        <h2>Relations</h2>
        <label for="graph-depth">Depth</label>
        <select id="graph-depth" value={depth} onChange={(event) => onDepth(Number(event.currentTarget.value))}>
          {[1, 2, 3, 4].map((each) => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </select>
        <button type="button" class="button" aria-pressed={asList} onClick={() => setAsList(!asList)}>
          As a list
        </button>
      </div>
      <QueryNotices query={graph} />
      {shown && <GraphView graph={shown} asList={asList} />}
      {!shown && graph.loading && <div class="graph-frame" aria-busy="true" />}
      {!shown && !graph.loading && !gone && <p class="faint">Its relations are not known.</p>}
    </section>
  );
}

/** The last graph that there was. The same graph in a new answer is the same value, and is not laid out again. */
function useLastGraph(graph: Graph | null): Graph | null {
  const last = useRef<{ graph: Graph; text: string } | null>(null);
  return useMemo(() => {
    const text = JSON.stringify(graph);
    if (graph && text !== last.current?.text) last.current = { graph, text };
    return last.current?.graph ?? null;
  }, [graph]);
}

/** The owners, the topmost first, and where the object lies. */
function Above({ id, owner }: { id: ObjectId; owner: Owner | null }) {
  const owners: Owner[] = [];
  for (let each = owner; each; each = each.ownedBy ?? null) owners.unshift(each);
  return (
    <nav class="above" aria-label="Where it lies, and who owns it">
      <ClusterLink id={id.cluster} />
      {id.namespace !== null && (
        <>
          <span aria-hidden="true"> / </span>
          <a href={href('objects', { cluster: id.cluster, namespace: id.namespace })}>{id.namespace}</a>
        </>
      )}
      {owners.map((each) => (
        <span key={each.kind + each.id}>
          <span aria-hidden="true"> › </span>
          <ObjectLink object={each} withKind />
        </span>
      ))}
    </nav>
  );
}

function Freshness({ object: { freshness } }: { object: ObjectDetail }) {
  if (!freshness || freshness.state === 'LIVE') return null;
  return (
    <Notice tone="warn">
      <p>
        <strong>
          The copy of this kind is {watchWord(freshness.state).toLowerCase()}
          {freshness.ageSeconds !== null && `, ${formatAge(freshness.ageSeconds * 1000)} old`}.
        </strong>{' '}
        {freshness.error}
      </p>
    </Notice>
  );
}

function Facts({ id, object }: { id: ObjectId; object: ObjectDetail }) {
  const { managedBy } = object;
  return (
    <section aria-label="Facts">
      <h2>Facts</h2>
      <dl class="facts">
        {object.deletedAt && (
          <div class="fact">
            <dt>Being deleted</dt>
            <dd>
              since <Age at={object.deletedAt} />
            </dd>
          </div>
        )}
        <FactList id={id} object={object} />
        {managedBy && (
          <div class="fact">
            <dt>Managed by</dt>
            <dd>
              {managedBy.resource ? (
                <ObjectLink object={managedBy.resource} withKind />
              ) : (
                `${managedBy.kind} ${managedBy.name}`
              )}
              <div class="sub">{managedBy.tool.toLowerCase().replaceAll('_', ' ')}</div>
            </dd>
          </div>
        )}
        <div class="fact">
          <dt>Age</dt>
          <dd>
            <Age at={object.createdAt} />
          </dd>
        </div>
        <div class="fact">
          <dt>API version</dt>
          <dd>{object.apiVersion}</dd>
        </div>
        <div class="fact">
          <dt>Resource version</dt>
          <dd class="number">{object.resourceVersion}</dd>
        </div>
        <div class="fact">
          <dt>UID</dt>
          <dd class="breakable">{object.uid}</dd>
        </div>
      </dl>
    </section>
  );
}

const SHOWN_PAIRS = 12;

function Pairs({
  title,
  pairs,
  hrefOf,
}: {
  title: string;
  pairs: Record<string, string>;
  hrefOf?: (pair: string) => string;
}) {
  const [all, setAll] = useState(false);
  const entries = Object.entries(pairs ?? {});
  if (entries.length === 0) return null;
  const shown = all ? entries : entries.slice(0, SHOWN_PAIRS);
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      <ul class="pairs">
        {shown.map(([key, value]) => (
          <li key={key}>
            <span class="pair-key">{key}</span>
            {hrefOf ? (
              <a href={hrefOf(`${key}=${value}`)}>{value || '(empty)'}</a>
            ) : (
              <span class="pair-value">{value}</span>
            )}
          </li>
        ))}
      </ul>
      {entries.length > shown.length && (
        <button type="button" class="button" onClick={() => setAll(true)}>
          Show all {entries.length}
        </button>
      )}
    </section>
  );
}

/** Since when an object that was shown is no longer there, and what it last was. */
function useGone(detail: QueryHandle<{ object: ObjectDetail | null }>): {
  at: number | null;
  last: ObjectDetail | null;
} {
  const last = useRef<ObjectDetail | null>(null);
  const at = useRef<number | null>(null);
  const object = detail.data?.object ?? null;
  if (object) {
    last.current = object;
    at.current = null;
  } else if (detail.data && last.current) {
    at.current ??= detail.at ?? Date.now();
  }
  return { at: at.current, last: last.current };
}

/**
 * Asks again when the object, an event about it, or something in its graph changes. There is no subscription to one
 * object: what is heard is the namespace, or, of a cluster-scoped object, its kind.
 */
function useTouched(
  id: ObjectId,
  detail: QueryHandle<unknown>,
  graph: QueryHandle<{ resourceGraph: Graph | null }>,
): void {
  const self = `${id.resource}/${id.cluster}:${id.namespace ?? ''}:${id.name}`;
  const around = useRef(new Set<string>());
  around.current = useMemo(() => new Set(graph.data?.resourceGraph?.nodes.map((node) => node.id) ?? []), [graph.data]);
  const both = () => {
    detail.refresh();
    graph.refresh();
  };
  const variables = { cluster: id.cluster, namespace: id.namespace, kind: id.namespace === null ? id.resource : null };
  useLive<{ resourceEvents: TouchedEvent }>(TOUCHED, variables, {
    next: ({ resourceEvents: { type, resource } }) => {
      if (type === 'RESYNC' || !resource) return both();
      const touched = objectIdOf(resource);
      if (touched === self) both();
      else if (resource.kind === 'Event') resource.name.startsWith(`${id.name}.`) && detail.refresh();
      else if (type !== 'UPDATED' || (touched !== null && around.current.has(touched))) graph.refresh();
    },
    missed: both,
  });
}
