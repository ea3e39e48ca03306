// The relations of an object, drawn, and listed for those who can't or don't want to look at a drawing.

import type { RefObject } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Graph, GraphCut } from '../api/documents.ts';
import { placeOf } from '../object_id.ts';
import { toneOf, wordOf } from '../parts/status.tsx';
import { objectHref } from '../router.ts';
import { groupBy } from './group_by.ts';
import { grouped } from './groups.ts';
import { BOX, type Drawing, layOut, type Placed } from './layout.ts';

/** Letters of a name that fit into a box. */
const FITS = 24;

/** A wide drawing is shrunk to the frame, but not below this: then it is scrolled. */
const SHRINKS = 0.88;

export function GraphView({ graph, asList }: { graph: Graph; asList: boolean }) {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const frame = useRef<HTMLDivElement>(null);
  const drawing = useMemo(() => {
    const { boxes, links } = grouped(graph, open);
    return layOut(boxes, links, graph.root.id);
  }, [graph, open]);

  if (graph.nodes.length <= 1)
    return <p class="faint">Nothing that is known refers to it, and it refers to nothing.</p>;
  return (
    <>
      {asList ? (
        <GraphList graph={graph} />
      ) : (
        <Picture
          drawing={drawing}
          root={graph.root.id}
          frame={frame}
          onOpen={(id) => setOpen((before) => new Set(before).add(id))}
        />
      )}
      <Cuts cuts={graph.cuts} />
      {open.size > 0 && !asList && (
        <button
          type="button"
          class="link"
          onClick={() => {
            setOpen(new Set());
            // This button goes, and the keyboard's place with it.
            frame.current?.focus();
          }}
        >
          Fold what is alike again
        </button>
      )}
    </>
  );
}

interface PictureProps {
  drawing: Drawing;
  root: string;
  frame: RefObject<HTMLDivElement | null>;
  onOpen(id: string): void;
}

function Picture({ drawing, root, frame, onOpen }: PictureProps) {
  const [pointed, setPointed] = useState<string | null>(null);
  const { boxes, routes, width, height } = drawing;
  // A group that was opened is no box any more, and nothing says that the pointer has left it.
  const lit = boxes.some((box) => box.id === pointed) ? pointed : null;

  const opened = useRef<Placed | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: when the drawing has the group's members
  useEffect(() => {
    const first = opened.current?.members[0];
    opened.current = null;
    if (first) focusOn(first.id);
  }, [drawing]);

  // The root is what one came for: it is in sight first.
  // biome-ignore lint/correctness/useExhaustiveDependencies: only once; later the reader has scrolled
  useEffect(() => {
    const box = boxes.find((each) => each.id === root);
    const element = frame.current;
    if (!box || !element) return;
    element.scrollLeft = Math.max(0, box.x - (element.clientWidth - BOX.width) / 2);
    element.scrollTop = Math.max(0, box.y - (element.clientHeight - BOX.height) / 2);
  }, [root]);

  const focusOn = (id: string) => frame.current?.querySelector<SVGAElement>(`[data-box="${CSS.escape(id)}"]`)?.focus();
  const isLit = (from: string, to: string) => lit !== null && (from === lit || to === lit);
  const pressed = (event: KeyboardEvent) => {
    const from = boxes.find(
      (box) => box.id === (event.target as Element).closest('[data-box]')?.getAttribute('data-box'),
    );
    const next = from && neighbourOf(boxes, from, event.key);
    if (!next) return;
    event.preventDefault();
    focusOn(next.id);
  };

  return (
    <section
      class="graph-frame"
      ref={frame}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys
      tabIndex={0}
      aria-label="Relations as a graph. Tab or arrows move between objects."
    >
      <svg
        width={width}
        height={height}
        style={{ minWidth: `${Math.round(width * SHRINKS)}px` }}
        viewBox={`0 0 ${width} ${height}`}
        class={lit === null ? '' : 'has-lit'}
        onKeyDown={pressed}
        role="group"
        aria-label={`${boxes.length} boxes, ${routes.length} relations`}
      >
        <defs>
          <marker
            id="arrow"
            viewBox="0 0 8 8"
            refX="7"
            refY="4"
            markerWidth="7"
            markerHeight="7"
            orient="auto-start-reverse"
          >
            <path d="M1 1l6 3-6 3z" class="arrow" />
          </marker>
        </defs>
        <g aria-hidden="true">
          {routes.map((route) => (
            <path
              key={`${route.from}>${route.to}`}
              d={route.path}
              class={`edge ${(route.types[0] ?? '').replaceAll(' ', '-')} ${isLit(route.from, route.to) ? 'lit' : ''}`}
              marker-end="url(#arrow)"
            />
          ))}
        </g>
        {boxes.map((box) => (
          <BoxLink
            key={box.id}
            box={box}
            isRoot={box.id === root}
            onOpen={(id) => {
              opened.current = box;
              onOpen(id);
            }}
            onLight={setPointed}
          />
        ))}
        <g aria-hidden="true">
          {routes.map(
            (route) =>
              (route.label || isLit(route.from, route.to)) && (
                <EdgeLabel
                  key={`${route.from}>${route.to}`}
                  text={route.types.join(', ')}
                  at={route.label}
                  lit={isLit(route.from, route.to)}
                />
              ),
          )}
        </g>
      </svg>
    </section>
  );
}

function EdgeLabel({ text, at, lit }: { text: string; at: { x: number; y: number } | null; lit: boolean }) {
  if (!at) return null;
  const width = text.length * 5.8 + 8;
  return (
    <g class={lit ? 'edge-label lit' : 'edge-label'}>
      <rect x={at.x - width / 2} y={at.y - 8} width={width} height={16} rx={3} />
      <text x={at.x} y={at.y + 3.5} text-anchor="middle">
        {text}
      </text>
    </g>
  );
}

interface BoxLinkProps {
  box: Placed;
  isRoot: boolean;
  onOpen(id: string): void;
  onLight(id: string | null): void;
}

function BoxLink({ box, isRoot, onOpen, onLight }: BoxLinkProps) {
  const group = box.members.length > 0;
  const tone = toneOf(box.health.status);
  const unwell = box.health.status !== 'HEALTHY';
  const place = placeOf(box.id).namespace;
  const state = unwell ? (box.health.reason ?? wordOf(box.health.status)) : null;
  const label = [
    group ? box.name : `${box.kind} ${box.name}`,
    [wordOf(box.health.status), box.health.reason].filter(Boolean).join(', '),
    ...(group ? ['Open to see each', ...box.members.slice(0, 8).map((node) => node.name)] : [place]),
  ]
    .filter(Boolean)
    .join('\n');
  return (
    <a
      href={group ? '#' : objectHref(box.id)}
      role={group ? 'button' : undefined}
      data-box={box.id}
      class={`box ${tone} ${isRoot ? 'root' : ''}`}
      aria-current={isRoot ? 'true' : undefined}
      onClick={(event) => {
        if (!group) return;
        event.preventDefault();
        onOpen(box.id);
      }}
      onKeyDown={(event) => {
        if (!group || event.key !== ' ') return;
        event.preventDefault();
        onOpen(box.id);
      }}
      onMouseEnter={() => onLight(box.id)}
      onMouseLeave={() => onLight(null)}
      onFocus={() => onLight(box.id)}
      onBlur={() => onLight(null)}
    >
      <title>{label}</title>
      {group && <rect class="box-behind" x={box.x + 5} y={box.y + 5} width={BOX.width} height={BOX.height} rx={6} />}
      <rect class="box-ground" x={box.x} y={box.y} width={BOX.width} height={BOX.height} rx={6} />
      <rect class="box-tone" x={box.x + 1} y={box.y + 6} width={4} height={BOX.height - 12} rx={2} />
      <text class="box-kind" x={box.x + 13} y={box.y + 18}>
        {box.kind}
        {state && <tspan class="box-state"> {short(state, Math.max(8, 26 - box.kind.length))}</tspan>}
      </text>
      <text class="box-name" x={box.x + 13} y={box.y + 35}>
        {short(box.name, FITS)}
      </text>
    </a>
  );
}

/** Both ends are kept: generated names differ in their last letters. */
function short(text: string, letters: number): string {
  if (text.length <= letters) return text;
  const tail = Math.floor((letters - 1) * 0.4);
  return `${text.slice(0, letters - 1 - tail)}…${text.slice(text.length - tail)}`;
}

/** The nearest box in the direction of an arrow key. */
function neighbourOf(boxes: Placed[], from: Placed, key: string): Placed | undefined {
  const directions: Record<string, [number, number]> = {
    ArrowRight: [1, 0],
    ArrowLeft: [-1, 0],
    ArrowDown: [0, 1],
    ArrowUp: [0, -1],
  };
  const direction = directions[key];
  if (!direction) return undefined;
  const [dx, dy] = direction;
  const cost = (box: Placed) => {
    const [x, y] = [box.x - from.x, box.y - from.y];
    const along = x * dx + y * dy;
    const across = Math.abs(x * dy) + Math.abs(y * dx);
    if (along <= 0 || (dy !== 0 && across > 0)) return Number.POSITIVE_INFINITY;
    return along + across * 2;
  };
  const [best] = boxes.filter((box) => cost(box) < Number.POSITIVE_INFINITY).sort((a, b) => cost(a) - cost(b));
  return best;
}

function GraphList({ graph }: { graph: Graph }) {
  const byId = new Map(graph.nodes.map((node) => [node.id, node]));
  const name = (id: string) => {
    const node = byId.get(id);
    return node ? (
      <a href={objectHref(id)}>
        <span class="kind">{node.kind} </span>
        {node.name}
      </a>
    ) : (
      id
    );
  };
  return (
    <div class="table-frame graph-list">
      <table>
        <caption class="hidden">Relations</caption>
        <thead>
          <tr>
            <th scope="col">From</th>
            <th scope="col">Relation</th>
            <th scope="col">To</th>
          </tr>
        </thead>
        <tbody>
          {graph.edges.map((edge) => (
            <tr key={`${edge.from}${edge.type}${edge.to}`}>
              <td>{name(edge.from)}</td>
              <td>{edge.type.toLowerCase().replaceAll('_', ' ')}</td>
              <td>{name(edge.to)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const REASONS: Record<GraphCut['reason'], (objects: string) => string> = {
  SIZE: () => 'the graph has as many objects as it may have',
  FAN_OUT: (objects) => `not all that refers to ${objects} is followed`,
  HUB: (objects) => `other users of ${objects}, which are shared`,
  DEPTH: (objects) => `what lies beyond ${objects}`,
};

/** What the graph leaves out, and why: a line for each reason. */
function Cuts({ cuts }: { cuts: GraphCut[] }) {
  if (cuts.length === 0) return null;
  const reasons = groupBy(cuts, (cut) => cut.reason);
  return (
    <p class="faint cuts">
      Not shown:{' '}
      {[...reasons].map(([reason, all]) => REASONS[reason]?.(objectsOf(all)) ?? reason.toLowerCase()).join('; ')}.
    </p>
  );
}

function objectsOf(cuts: GraphCut[]): string {
  const names = [...new Set(cuts.map((cut) => `${cut.node.kind} ${cut.node.name}`))];
  return names.length <= 2 ? names.join(' and ') : `${names.slice(0, 2).join(', ')} and ${names.length - 2} more`;
}
