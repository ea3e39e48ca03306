// Folds what is broken into what people know by name.
//
//   Deployment checkout-worker   Progressing  PodsUnavailable          Deployment checkout-worker   Degraded
//   ReplicaSet checkout-worker-84cb…  PodsUnavailable           ──▶        6 pods: ImagePullBackOff
//   Pod        checkout-worker-84cb…-5wzmb  ImagePullBackOff  (× 6)

import type { Health, HealthStatus, Listed, Owner } from '../api/documents.ts';
import { type Named, placeOf } from '../object_id.ts';

export interface Family {
  /** The owner that nobody owns. It may be well itself. */
  head: Named & { health: Health; createdAt?: string | null; message?: string | null };
  /** The worst of all. */
  status: HealthStatus;
  /** Each reason with how many have it, the worst objects' first. */
  reasons: { reason: string; kind: string; count: number; status: HealthStatus }[];
  /** What is broken below the head. */
  members: Listed[];
}

export interface Place {
  cluster: string;
  /** Null for cluster-scoped objects. */
  namespace: string | null;
  families: Family[];
}

const SEVERITY: Record<HealthStatus, number> = {
  DEGRADED: 0,
  MISSING: 1,
  UNKNOWN: 2,
  PROGRESSING: 3,
  SUSPENDED: 4,
  HEALTHY: 5,
};

const worse = (a: HealthStatus, b: HealthStatus) => (SEVERITY[b] < SEVERITY[a] ? b : a);

const keyOf = (object: Named) => `${object.kind}/${object.id}`;

function headOf(object: Listed): Listed | Owner {
  let head: Listed | Owner = object;
  while (head.ownedBy) head = head.ownedBy;
  return head;
}

/** In the order of the objects: a family stands where its first member stands, a place where its first family does. */
export function familiesByPlace(objects: Listed[]): Place[] {
  const places = new Map<string, Place>();
  const families = new Map<string, Family>();
  for (const object of objects) {
    const head = headOf(object);
    const key = keyOf(head);
    let family = families.get(key);
    if (!family) {
      family = { head, status: object.health.status, reasons: [], members: [] };
      families.set(key, family);
      placeFor(places, head).families.push(family);
    }
    if (object === head) family.head = object;
    else family.members.push(object);
    family.status = worse(family.status, object.health.status);
    addReason(family, object);
  }
  for (const family of families.values()) {
    family.reasons = withoutBetween(family);
    family.reasons.sort((a, b) => SEVERITY[a.status] - SEVERITY[b.status] || b.count - a.count);
  }
  return [...places.values()];
}

/** What a replica set says is said by its pods, or by its deployment. */
function withoutBetween({ head, reasons }: Family): Family['reasons'] {
  const telling = reasons.filter(({ kind }) => kind !== 'ReplicaSet' || head.kind === 'ReplicaSet');
  return telling.length > 0 ? telling : reasons;
}

function placeFor(places: Map<string, Place>, object: Named): Place {
  const { cluster, namespace } = placeOf(object.id);
  const key = `${cluster}:${namespace ?? ''}`;
  let place = places.get(key);
  if (!place) {
    place = { cluster, namespace, families: [] };
    places.set(key, place);
  }
  return place;
}

function addReason(family: Family, object: Listed): void {
  const { reason, status } = object.health;
  if (!reason) return;
  const known = family.reasons.find((each) => each.reason === reason && each.kind === object.kind);
  if (known) known.count += 1;
  else family.reasons.push({ reason, kind: object.kind, count: 1, status });
}
