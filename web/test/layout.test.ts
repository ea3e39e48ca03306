import { describe, expect, it } from 'vitest';
import type { Graph, GraphEdge, GraphNode } from '../src/api/documents.ts';
import { grouped } from '../src/graph/groups.ts';
import { BOX, layOut } from '../src/graph/layout.ts';

function node(id: string, kind: string, distance = 1, status: GraphNode['health']['status'] = 'HEALTHY'): GraphNode {
  return { id, kind, name: id, namespaceName: 'shop', distance, health: { status, reason: null } };
}

function graph(nodes: GraphNode[], edges: [string, string, string][]): Graph {
  const typed: GraphEdge[] = edges.map(([from, type, to]) => ({ from, to, type }));
  return { root: { id: nodes[0]?.id ?? '' }, truncated: false, cuts: [], nodes, edges: typed };
}

const pods = (count: number, status?: GraphNode['health']['status']) =>
  Array.from({ length: count }, (_, index) => node(`pod-${status ?? ''}${index}`, 'Pod', 2, status));

describe('groups', () => {
  it('draw three alike one by one, and four as one', () => {
    const of = (count: number) => {
      const all = pods(count);
      return grouped(
        graph(
          [node('rs', 'ReplicaSet', 0), ...all],
          all.map((pod) => [pod.id, 'OWNED_BY', 'rs']),
        ),
        new Set(),
      );
    };
    expect(of(3).boxes.map((box) => box.name)).toEqual(['rs', 'pod-0', 'pod-1', 'pod-2']);
    expect(of(4).boxes.map((box) => box.name)).toEqual(['rs', '4 Pods']);
    expect(of(4).links).toEqual([{ from: 'rs', to: expect.stringMatching(/^group/), types: ['owns'] }]);
  });

  it('keep what is broken apart from what is well', () => {
    const all = [...pods(5), ...pods(1, 'DEGRADED')];
    const edges = all.map((pod): [string, string, string] => [pod.id, 'OWNED_BY', 'rs']);
    const { boxes } = grouped(graph([node('rs', 'ReplicaSet', 0), ...all], edges), new Set());
    expect(boxes.map((box) => [box.name, box.health.status])).toEqual([
      ['rs', 'HEALTHY'],
      ['5 Pods', 'HEALTHY'],
      ['pod-DEGRADED0', 'DEGRADED'],
    ]);
  });

  it('are drawn one by one when they are opened', () => {
    const all = pods(9);
    const whole = graph(
      [node('rs', 'ReplicaSet', 0), ...all],
      all.map((pod) => [pod.id, 'OWNED_BY', 'rs']),
    );
    const group = grouped(whole, new Set()).boxes.find((box) => box.members.length > 0);
    expect(grouped(whole, new Set([group?.id ?? ''])).boxes).toHaveLength(10);
  });
});

describe('the drawing', () => {
  const typical = graph(
    [
      node('deploy', 'Deployment', 0),
      node('rs', 'ReplicaSet'),
      node('svc', 'Service', 2),
      node('pod', 'Pod', 1),
      node('node', 'Node', 2),
    ],
    [
      ['rs', 'OWNED_BY', 'deploy'],
      ['pod', 'OWNED_BY', 'rs'],
      ['deploy', 'SELECTS', 'pod'],
      ['svc', 'SELECTS', 'pod'],
      ['pod', 'RUNS_ON', 'node'],
    ],
  );
  const draw = (of: Graph) => {
    const { boxes, links } = grouped(of, new Set());
    return layOut(boxes, links, of.root.id);
  };

  it('reads from left to right, and puts a service beside its pods', () => {
    const layers = Object.fromEntries(draw(typical).boxes.map((box) => [box.id, box.layer]));
    expect(layers).toEqual({ deploy: 0, rs: 1, svc: 1, pod: 2, node: 3 });
  });

  it('ends, and links all, where relations go round', () => {
    const round = graph(
      [node('pv', 'PersistentVolume', 0), node('pvc', 'PersistentVolumeClaim')],
      [
        ['pv', 'BOUND_TO', 'pvc'],
        ['pvc', 'BOUND_TO', 'pv'],
      ],
    );
    const { boxes, routes } = draw(round);
    expect(boxes.map((box) => box.layer)).toEqual([0, 1]);
    expect(routes).toHaveLength(2);
  });

  it('never puts two boxes in one place, and all inside', () => {
    const all = Array.from({ length: 60 }, (_, index) => node(`n${index}`, `Kind${index % 7}`, index % 4));
    const edges = all
      .slice(1)
      .map((each, index): [string, string, string] => [each.id, 'USES', `n${(index * 7) % 13}`]);
    const { boxes, width, height } = draw(graph(all, edges));
    for (const a of boxes) {
      expect(a.x >= 0 && a.y >= 0 && a.x + BOX.width <= width && a.y + BOX.height <= height).toBe(true);
      for (const b of boxes) {
        const apart = Math.abs(a.x - b.x) >= BOX.width || Math.abs(a.y - b.y) >= BOX.height;
        expect(a === b || apart).toBe(true);
      }
    }
  });
});
