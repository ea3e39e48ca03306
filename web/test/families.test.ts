import { describe, expect, it } from 'vitest';
import type { HealthStatus, Listed, Owner } from '../src/api/documents.ts';
import { familiesByPlace } from '../src/broken/families.ts';

function object(
  kind: string,
  name: string,
  status: HealthStatus,
  reason: string,
  ownedBy: Owner | null = null,
): Listed {
  return { __typename: kind, id: `prod:shop:${name}`, kind, name, health: { status, reason }, ownedBy };
}

const deployment = object('Deployment', 'cart', 'PROGRESSING', 'PodsUnavailable');
const replicaSet = object('ReplicaSet', 'cart-1', 'PROGRESSING', 'PodsUnavailable', deployment as Owner);
const pod = (index: number) =>
  object('Pod', `cart-1-${index}`, 'DEGRADED', 'CrashLoopBackOff', { ...replicaSet, ownedBy: deployment as Owner });

describe('what is broken', () => {
  it('is one family under the deployment, as bad as its worst pod', () => {
    const [place, ...others] = familiesByPlace([pod(0), pod(1), deployment, replicaSet]);
    expect(others).toEqual([]);
    expect(place).toMatchObject({ cluster: 'prod', namespace: 'shop' });
    expect(place?.families).toHaveLength(1);
    const family = place?.families[0];
    expect([family?.head.name, family?.status, family?.members.length]).toEqual(['cart', 'DEGRADED', 3]);
    expect(family?.reasons.map(({ reason, kind, count }) => [reason, kind, count])).toEqual([
      ['CrashLoopBackOff', 'Pod', 2],
      ['PodsUnavailable', 'Deployment', 1],
    ]);
  });

  it('names an owner that is well itself', () => {
    const healthy = { ...deployment, health: { status: 'HEALTHY', reason: null } } as Owner;
    const [place] = familiesByPlace([{ ...pod(0), ownedBy: { ...replicaSet, ownedBy: healthy } }]);
    expect([place?.families[0]?.head.kind, place?.families[0]?.status]).toEqual(['Deployment', 'DEGRADED']);
  });

  it('keeps the order of the answer, the worst first', () => {
    const node: Listed = { ...object('Node', 'n1', 'DEGRADED', 'NotReady'), id: 'eu::n1' };
    const places = familiesByPlace([node, pod(0)]);
    expect(places.map((place) => [place.cluster, place.namespace])).toEqual([
      ['eu', null],
      ['prod', 'shop'],
    ]);
  });
});
