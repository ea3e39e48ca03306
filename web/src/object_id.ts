// Ids of objects.
//
//   prod:shop:cart                            of an object, unique within its kind
//   prod::system:controller:job-controller    cluster-scoped; only the first two colons separate
//   deployments.apps/prod:shop:cart           unique over all kinds: what graphs use, and the addresses of this page

import { kindOfType } from './kinds.ts';

export interface ObjectId {
  /** Plural and group: `deployments.apps`. */
  resource: string;
  cluster: string;
  /** Null for a cluster-scoped object. */
  namespace: string | null;
  name: string;
}

/** Reads an id with its kind before it; null if it is none. */
export function parseObjectId(id: string): ObjectId | null {
  const match = /^([^/:]+)\/([^:]+):([^:]*):(.+)$/s.exec(id);
  if (!match) return null;
  const [, resource, cluster, namespace, name] = match as unknown as [string, string, string, string, string];
  return { resource, cluster, namespace: namespace || null, name };
}

/** What every answer about an object selects. */
export interface Named {
  __typename: string;
  id: string;
  kind: string;
  name: string;
}

/** The id with its kind before it; null for a reference to a kind that isn't watched. */
export function objectIdOf(object: Named): string | null {
  if (object.id.includes('/')) return object.id;
  const kind = kindOfType(object.__typename === 'ObjectReference' ? object.kind : object.__typename);
  return kind ? `${kind.resource}/${object.id}` : null;
}

/** The cluster and the namespace that an id names, with or without a kind before it. */
export function placeOf(id: string): { cluster: string; namespace: string | null } {
  const bare = id.slice(id.indexOf('/') + 1);
  const [cluster = '', namespace = ''] = bare.split(':', 2);
  return { cluster, namespace: namespace || null };
}
