// A layered drawing: what refers stands left of what is referred to.
//
//   Service ──selects──▶ ┐
//   Deployment ──owns──▶ ReplicaSet ──owns──▶ Pod ──runs on──▶ Node
//       layer 0              layer 1       layer 2            layer 3
//
// The steps are those of Sugiyama's method: break cycles, assign layers by the longest path, order each layer by
// the mean of its neighbours. Graphs here have at most a few hundred boxes, so each step is the plain one.

import { groupBy } from './group_by.ts';
import type { Box, Link } from './groups.ts';

export const BOX = { width: 204, height: 46 };
const GAP = { x: 88, y: 14 };
const MARGIN = 16;

export interface Placed extends Box {
  x: number;
  y: number;
  layer: number;
}

export interface Route extends Link {
  path: string;
  /** Where its label stands; null if another link of the same bundle has it. */
  label: { x: number; y: number } | null;
}

export interface Drawing {
  boxes: Placed[];
  routes: Route[];
  width: number;
  height: number;
}

export function layOut(boxes: Box[], links: Link[], root: string): Drawing {
  const forward = withoutCycles(boxes, links, root);
  const layers = layersOf(boxes, forward);
  const columns = ordered(boxes, layers, links, root);
  const placed = place(columns, layers);
  const byId = new Map(placed.map((box) => [box.id, box]));
  const routes = labelled(links, byId);
  return {
    boxes: placed,
    routes,
    width: MARGIN * 2 + columns.length * BOX.width + Math.max(0, columns.length - 1) * GAP.x,
    height: Math.max(...placed.map((box) => box.y + BOX.height), 0) + MARGIN,
  };
}

/** The links without those that lead back to a box on the way to them, seen from the root first. */
function withoutCycles(boxes: Box[], links: Link[], root: string): Link[] {
  const out = groupBy(links, (link) => link.from);
  const state = new Map<string, 'open' | 'done'>();
  const back = new Set<Link>();
  const visit = (id: string) => {
    state.set(id, 'open');
    for (const link of out.get(id) ?? []) {
      const seen = state.get(link.to);
      if (seen === 'open') back.add(link);
      else if (seen === undefined) visit(link.to);
    }
    state.set(id, 'done');
  };
  for (const id of [root, ...boxes.map((box) => box.id)]) if (!state.has(id)) visit(id);
  return links.filter((link) => !back.has(link));
}

/** By the longest path to each; then what nothing leads to moves right, beside what it leads to. */
function layersOf(boxes: Box[], links: Link[]): Map<string, number> {
  const layers = new Map(boxes.map((box) => [box.id, 0]));
  const of = (id: string) => layers.get(id) ?? 0;
  for (let changed = true, round = 0; changed && round <= boxes.length; round += 1) {
    changed = false;
    for (const { from, to } of links) {
      if (of(to) >= of(from) + 1) continue;
      layers.set(to, of(from) + 1);
      changed = true;
    }
  }
  const entered = new Set(links.map((link) => link.to));
  const out = groupBy(links, (link) => link.from);
  for (const { id } of boxes) {
    const next = out.get(id);
    if (!entered.has(id) && next) layers.set(id, Math.min(...next.map((link) => of(link.to))) - 1);
  }
  return layers;
}

const SWEEPS = 6;

/** The boxes of each layer from top to bottom. */
function ordered(boxes: Box[], layers: Map<string, number>, links: Link[], root: string): Box[][] {
  const used = [...new Set(layers.values())].sort((a, b) => a - b);
  const columns = used.map((layer) =>
    boxes
      .filter((box) => layers.get(box.id) === layer)
      .sort(
        (a, b) =>
          Number(b.id === root) - Number(a.id === root) || a.kind.localeCompare(b.kind) || a.name.localeCompare(b.name),
      ),
  );
  const neighbours = new Map<string, string[]>(boxes.map((box) => [box.id, []]));
  for (const { from, to } of links) {
    neighbours.get(from)?.push(to);
    neighbours.get(to)?.push(from);
  }
  const height = new Map<string, number>();
  const measure = (column: Box[]) => {
    for (const [row, box] of column.entries()) height.set(box.id, row - (column.length - 1) / 2);
  };
  columns.forEach(measure);
  const mean = (box: Box) => {
    const around = neighbours.get(box.id) ?? [];
    if (around.length === 0) return height.get(box.id) ?? 0;
    return around.reduce((sum, id) => sum + (height.get(id) ?? 0), 0) / around.length;
  };
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const order = sweep % 2 === 0 ? columns : [...columns].reverse();
    for (const column of order) {
      const means = new Map(column.map((box) => [box.id, mean(box)]));
      column.sort((a, b) => (means.get(a.id) ?? 0) - (means.get(b.id) ?? 0));
      measure(column);
    }
  }
  return columns;
}

function place(columns: Box[][], layers: Map<string, number>): Placed[] {
  const tallest = Math.max(...columns.map((column) => column.length), 1);
  const step = BOX.height + GAP.y;
  return columns.flatMap((column, index) => {
    const top = MARGIN + ((tallest - column.length) * step) / 2;
    return column.map((box, row) => ({
      ...box,
      layer: layers.get(box.id) ?? 0,
      x: MARGIN + index * (BOX.width + GAP.x),
      y: top + row * step,
    }));
  });
}

/** Links from one box by the same relations to one column are a bundle, whose middle one is labelled. */
function labelled(links: Link[], byId: Map<string, Placed>): Route[] {
  const bundles = groupBy(links, (link) => `${link.from}|${link.types.join()}|${byId.get(link.to)?.x}`);
  const spokesmen = new Set([...bundles.values()].map((bundle) => bundle[Math.floor(bundle.length / 2)]));
  const routes = links.flatMap((link) => {
    const [from, to] = [byId.get(link.from), byId.get(link.to)];
    if (!from || !to) return [];
    const { path, middle } = curve(from, to);
    return [{ ...link, path, label: spokesmen.has(link) ? middle : null }];
  });
  moveApart(routes.flatMap(({ label }) => label ?? []));
  return routes;
}

const LABEL = { width: 64, height: 17 };

/** Labels that would cover each other move down. */
function moveApart(labels: { x: number; y: number }[]): void {
  const settled: { x: number; y: number }[] = [];
  for (const label of labels.sort((a, b) => a.y - b.y)) {
    for (const other of settled) {
      const covers = Math.abs(other.x - label.x) < LABEL.width && Math.abs(other.y - label.y) < LABEL.height;
      if (covers) label.y = other.y + LABEL.height;
    }
    settled.push(label);
  }
}

function curve(from: Placed, to: Placed): { path: string; middle: { x: number; y: number } } {
  const [y1, y2] = [from.y + BOX.height / 2, to.y + BOX.height / 2];
  if (from.x === to.x) {
    // Within a column, along its right side.
    const x = from.x + BOX.width;
    return { path: `M${x} ${y1}C${x + 44} ${y1} ${x + 44} ${y2} ${x} ${y2}`, middle: { x: x + 34, y: (y1 + y2) / 2 } };
  }
  const right = to.x > from.x;
  const [x1, x2] = right ? [from.x + BOX.width, to.x] : [from.x, to.x + BOX.width];
  const pull = (right ? 1 : -1) * (GAP.x / 2);
  // The curve is done within the gap beside its target, where a label meets no box.
  const lead = right ? x2 - GAP.x : x2 + GAP.x;
  const start = Math.abs(lead - x1) < 1 ? `M${x1} ${y1}` : `M${x1} ${y1}L${lead} ${y1}`;
  return {
    path: `${start}C${lead + pull} ${y1} ${x2 - pull} ${y2} ${x2} ${y2}`,
    middle: { x: (lead + x2) / 2, y: (y1 + y2) / 2 },
  };
}
