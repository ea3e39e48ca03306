// Many alike become one: the 20 pods of a deployment are one box until someone wants to see them.

import type { Graph, GraphNode, Health } from '../api/documents.ts';

/** A box of the drawing: an object, or several of one kind. */
export interface Box {
  id: string;
  kind: string;
  name: string;
  health: Health;
  /** Empty for an object. */
  members: GraphNode[];
}

export interface Link {
  from: string;
  to: string;
  types: string[];
}

/** So many alike are still drawn one by one. */
const ALIKE = 3;

/**
 * Objects are alike if they are of one kind, namespace, health and distance, and are tied by the same types of
 * relations to the same kinds. `open` has the ids of the groups that are to be drawn one by one.
 */
export function grouped(graph: Graph, open: ReadonlySet<string>): { boxes: Box[]; links: Link[] } {
  const kindOf = new Map(graph.nodes.map((node) => [node.id, node.kind]));
  const ties = new Map<string, Set<string>>();
  const tie = (id: string, text: string) => {
    const known = ties.get(id);
    if (known) known.add(text);
    else ties.set(id, new Set([text]));
  };
  for (const edge of graph.edges) {
    tie(edge.from, `>${edge.type} ${kindOf.get(edge.to)}`);
    tie(edge.to, `<${edge.type} ${kindOf.get(edge.from)}`);
  }

  const groups = new Map<string, GraphNode[]>();
  for (const node of graph.nodes) {
    const alike = [node.kind, node.namespaceName, node.health.status, node.distance];
    const key = node.id === graph.root.id ? node.id : [...alike, ...[...(ties.get(node.id) ?? [])].sort()].join('|');
    const members = groups.get(key);
    if (members) members.push(node);
    else groups.set(key, [node]);
  }

  const boxOf = new Map<string, string>();
  const boxes: Box[] = [];
  for (const [key, members] of groups) {
    const id = `group ${key}`;
    if (members.length <= ALIKE || open.has(id)) {
      for (const node of members) {
        boxOf.set(node.id, node.id);
        boxes.push({ ...node, members: [] });
      }
    } else {
      for (const node of members) boxOf.set(node.id, id);
      boxes.push(groupBox(id, members));
    }
  }
  return { boxes, links: linksBetween(graph, boxOf) };
}

function groupBox(id: string, members: GraphNode[]): Box {
  const first = members[0] as GraphNode;
  const reasons = new Set(members.map((node) => node.health.reason).filter(Boolean));
  const reason = reasons.size === 1 ? ([...reasons][0] ?? null) : null;
  return {
    id,
    kind: first.kind,
    name: `${members.length} ${plural(first.kind)}`,
    health: { ...first.health, reason },
    members,
  };
}

function plural(kind: string): string {
  if (/[^aeiou]y$/.test(kind)) return `${kind.slice(0, -1)}ies`;
  return /(s|x|ch)$/.test(kind) ? `${kind}es` : `${kind}s`;
}

// Relations whose arrow reads better the other way round: a deployment owns its replica set.
const REVERSED: Record<string, string> = { OWNED_BY: 'owns', MANAGED_BY: 'manages', INSTANCE_OF: 'defines' };

function linksBetween(graph: Graph, boxOf: Map<string, string>): Link[] {
  const links = new Map<string, Link>();
  for (const edge of graph.edges) {
    const reversed = REVERSED[edge.type];
    const [from, to] = [boxOf.get(edge.from), boxOf.get(edge.to)];
    if (from === undefined || to === undefined || from === to) continue;
    const [a, b] = reversed ? [to, from] : [from, to];
    const type = reversed ?? edge.type.toLowerCase().replaceAll('_', ' ');
    const key = `${a}\n${b}`;
    const link = links.get(key);
    if (!link) links.set(key, { from: a, to: b, types: [type] });
    else if (!link.types.includes(type)) link.types.push(type);
  }
  return [...links.values()];
}
