// Every document that the page sends, and the shape of its answers. A test validates them against the schema.

import { fieldOf, KINDS, type Kind } from '../kinds.ts';
import type { Named } from '../object_id.ts';

export type HealthStatus = 'HEALTHY' | 'SUSPENDED' | 'PROGRESSING' | 'UNKNOWN' | 'MISSING' | 'DEGRADED';
export type ClusterHealth = 'HEALTHY' | 'DEGRADED' | 'UNHEALTHY' | 'UNKNOWN';
export type WatchState = 'LIVE' | 'STALE' | 'SYNCING' | 'FORBIDDEN' | 'ABSENT';

export interface Health {
  status: HealthStatus;
  reason: string | null;
}

export interface Freshness {
  kind: string;
  state: WatchState;
  objects: number;
  ageSeconds: number | null;
  lastEventAt: string | null;
  error: string | null;
  malformed: number;
}

export interface Count {
  value: string;
  count: number;
}

export interface Counts {
  totalCount: number;
  facets: Count[];
}

/** What is not as it is wanted, the worst first. */
export const UNHEALTHY: readonly HealthStatus[] = ['DEGRADED', 'MISSING', 'PROGRESSING'];

const perCluster = '{ totalCount facets(by: CLUSTER, first: 1000) { value count } }';

/** Asks for nothing: whether the server lets a token in. */
export const SIGN_IN = 'query SignIn { __typename }';

// --- the fleet ------------------------------------------------------------------------------------------------

export interface FleetCluster {
  id: string;
  name: string;
  environment: string;
  region: string | null;
  version: string | null;
  nodeCount: number;
  status: { ready: boolean; message: string | null };
  health: { status: ClusterHealth; lastContact: string | null; latencyMs: number | null; message: string | null };
}

export interface Fleet {
  clusters: FleetCluster[];
  watches: { id: string; freshness: Pick<Freshness, 'kind' | 'state'>[] }[];
  /** Missing where the server does not watch the kind. */
  pods?: Counts;
  workloads?: Counts;
  degraded: Counts;
  progressing: Counts;
}

/**
 * `$watches`: the clusters whose watches are wanted; all if null. Of 1,000 clusters they would be the bulk.
 * `$workloads`: the kinds that are counted as such. A server that does not watch one of them refuses the whole query.
 */
export const FLEET = `query Fleet($watches: [String!], $workloads: [String!], $anyPods: Boolean!, $anyWorkloads: Boolean!) {
  clusters {
    id name environment region version nodeCount
    status { ready message }
    health { status lastContact latencyMs message }
  }
  watches: clusters(filter: {ids: $watches}) { id freshness { kind state } }
  pods: resources(first: 0, filter: {kinds: ["pods"]}) @include(if: $anyPods) ${perCluster}
  workloads: resources(first: 0, filter: {kinds: $workloads}) @include(if: $anyWorkloads) ${perCluster}
  degraded: resources(first: 0, filter: {health: [DEGRADED, MISSING]}) ${perCluster}
  progressing: resources(first: 0, filter: {health: [PROGRESSING]}) ${perCluster}
}`;

export const CLUSTER_EVENTS = `subscription ClusterEvents {
  clusterEvents { type reason cluster { id } }
}`;

// --- one cluster ----------------------------------------------------------------------------------------------

export interface ClusterDetail extends FleetCluster {
  createdAt: string | null;
  addedAt: string;
  namespaceCount: number;
  status: FleetCluster['status'] & {
    components: { name: string; status: ClusterHealth; message: string | null }[];
  };
  freshness: Freshness[];
}

export interface ClusterAnswer {
  cluster: ClusterDetail | null;
  byHealth: { totalCount: number; facets: Count[] };
}

export const CLUSTER = `query Cluster($id: ID!, $only: [String!]) {
  cluster(id: $id) {
    id name environment region version nodeCount namespaceCount createdAt addedAt
    status { ready message components { name status message } }
    health { status lastContact latencyMs message }
    freshness { kind state objects ageSeconds lastEventAt error malformed }
  }
  byHealth: resources(first: 0, filter: {clusters: $only}) { totalCount facets(by: HEALTH) { value count } }
}`;

/** The ids of all clusters, for those who choose one. */
export const CLUSTER_IDS = 'query ClusterIds { clusters { id } }';

// --- lists of objects of any kind -----------------------------------------------------------------------------

export interface Owner extends Named {
  health: Health;
  ownedBy?: Owner | null;
}

export interface Listed extends Named {
  health: Health;
  createdAt?: string | null;
  /** A pod's or a persistent volume's own words for what is wrong. */
  message?: string | null;
  restartCount?: number;
  ownedBy?: Owner | null;
}

export interface ObjectsAnswer {
  resources: {
    totalCount: number;
    byKind: Count[];
    byCluster: Count[];
    byNamespace: Count[];
    pageInfo: { hasNextPage: boolean; endCursor: string | null };
    nodes: Listed[];
  };
  /** By health, whichever is chosen. */
  any: { totalCount: number; byHealth: Count[] };
}

// No two types that share a name for differently typed fields may select it under the same one.
const createdAt = KINDS.map((kind) => `... on ${kind.type} { createdAt }`).join(' ');

/** `$any` is `$filter` without its choice of health. */
export const OBJECTS = `query Objects(
  $filter: ResourcesFilter!, $any: ResourcesFilter!, $order: ResourceOrder!, $first: Int!, $after: String
) {
  resources(filter: $filter, orderBy: $order, first: $first, after: $after) {
    totalCount
    byKind: facets(by: KIND, first: 60) { value count }
    byCluster: facets(by: CLUSTER, first: 200) { value count }
    byNamespace: facets(by: NAMESPACE, first: 200) { value count }
    pageInfo { hasNextPage endCursor }
    nodes {
      __typename id kind name
      health { status reason }
      ${createdAt}
      ... on CustomResource { createdAt }
      ... on Pod { message restartCount ownedBy { ...Owner ... on ReplicaSet { ownedBy { ...Owner } } ... on Job { ownedBy { ...Owner } } } }
      ... on ReplicaSet { ownedBy { ...Owner } }
      ... on Job { ownedBy { ...Owner } }
    }
  }
  any: resources(filter: $any, first: 0) { totalCount byHealth: facets(by: HEALTH) { value count } }
}
fragment Owner on Resource { __typename id kind name health { status reason } }`;

export interface HealthChange {
  [field: string]: { type: string };
}

/** Comes when an object of the kind is made, goes, or changes its health; not with each change of it. */
export const healthEvents = (type: string): string => {
  const field = type.charAt(0).toLowerCase() + type.slice(1);
  return `subscription Health($cluster: String, $namespace: String) {
  ${field}Events(cluster: $cluster, namespace: $namespace, onlyChanges: true) {
    type ${field} { id health { status reason } }
  }
}`;
};

// --- search ---------------------------------------------------------------------------------------------------

export interface SearchAnswer {
  resources: { totalCount: number; nodes: (Named & { health: Health })[] };
  names: string[];
}

export const SEARCH = `query Search($text: String!, $prefix: String!, $first: Int!) {
  resources(first: $first, filter: {text: $text}) {
    totalCount
    nodes { __typename id kind name health { status reason } }
  }
  names: completions(of: NAME, prefix: $prefix, first: 6)
}`;

// --- live changes ---------------------------------------------------------------------------------------------

export interface ChangeEvent {
  type: 'CREATED' | 'UPDATED' | 'DELETED' | 'RESYNC';
  timestamp: string;
  clusterId: string | null;
  resourceType: string;
  reason: string | null;
  message: string | null;
  resource: (Named & { health: Health }) | null;
}

export const CHANGES = `subscription Changes(
  $cluster: String, $namespace: String, $kind: String, $selector: String
) {
  resourceEvents(cluster: $cluster, namespace: $namespace, resourceType: $kind, labelSelector: $selector) {
    type timestamp clusterId resourceType reason message
    resource { __typename id kind name health { status reason } }
  }
}`;

// --- one object -----------------------------------------------------------------------------------------------

export interface Container {
  name: string;
  image: string;
  ready: boolean;
  restartCount: number;
  state: { state: string; reason: string | null; message: string | null; exitCode: number | null };
}

export interface Condition {
  type: string;
  status: string;
  reason: string | null;
  message: string | null;
  lastTransitionTime: string | null;
}

export interface ObjectEvent {
  id: string;
  type: string;
  reason: string;
  message: string;
  count: number;
  source: string;
  firstTimestamp: string | null;
  lastTimestamp: string | null;
}

export interface ObjectDetail extends Named {
  apiVersion: string;
  uid: string;
  generation: number | null;
  resourceVersion: string;
  createdAt: string | null;
  deletedAt: string | null;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  health: Health;
  freshness: Freshness | null;
  ownedBy: Owner | null;
  managedBy: {
    tool: string;
    kind: string;
    name: string;
    namespaceName: string | null;
    resource: Named | null;
  } | null;
  events: ObjectEvent[];
  yaml: string;
  [fact: string]: unknown;
}

const common = `__typename id kind name apiVersion uid generation resourceVersion createdAt deletedAt labels annotations
    health { status reason }
    freshness { kind state objects ageSeconds lastEventAt error malformed }
    ownedBy { ...Owner
      ... on ReplicaSet { ownedBy { ...Owner } }
      ... on Job { ownedBy { ...Owner } }
      ... on CustomResource { ownedBy { ...Owner } }
    }
    managedBy { tool kind name namespaceName resource { __typename id kind name } }
    events { id type reason message count source firstTimestamp lastTimestamp }
    yaml`;

const conditions = 'conditions { type status reason message lastTransitionTime }';
const container = '{ name image ready restartCount state { state reason message exitCode } }';
const scalableBy = 'replicas readyReplicas availableReplicas totalReplicas';

/** What is selected of a kind beyond what all have. Fields with a selection of their own have a table on the page. */
export const FACTS: Record<string, string> = {
  Pod: `phase reason message ready nodeName podIP hostIP restartCount restartPolicy serviceAccountName startedAt
    containers ${container} initContainers ${container} ${conditions}`,
  Deployment: `${scalableBy} updatedReplicas paused images strategy { type } ${conditions}`,
  ReplicaSet: `${scalableBy} ${conditions}`,
  StatefulSet: `${scalableBy} updatedReplicas serviceName podManagementPolicy images ${conditions}`,
  DaemonSet: `desiredNumberScheduled numberReady numberAvailable numberMisscheduled updatedNumberScheduled images
    ${conditions}`,
  Job: `state active succeeded failed completions parallelism backoffLimit startTime completionTime suspend images
    ${conditions}`,
  CronJob: 'schedule timeZone suspend active lastScheduleTime lastSuccessfulTime concurrencyPolicy images',
  Node: `ready schedulable roles internalIP externalIP kubeletVersion osImage architecture containerRuntimeVersion
    allocatable { cpu memory pods } status { ${conditions} }`,
  Namespace: 'status { phase }',
  Service: 'serviceType: type clusterIP externalName externalIPs ports { name port targetPort nodePort protocol }',
  Ingress: 'hosts ingressClassName',
  PersistentVolumeClaim: 'phase capacity requested accessModes storageClassName volumeName volumeMode',
  PersistentVolume: 'phase reason message capacity accessModes storageClassName reclaimPolicy volumeMode',
  ConfigMap: 'immutable keys { name size }',
  Secret: 'secretType: type secretKeys: keys { name size }',
  HorizontalPodAutoscaler: `currentReplicas desiredReplicas minReplicas maxReplicas lastScaleTime ${conditions}`,
  PodDisruptionBudget: `currentHealthy desiredHealthy expectedPods disruptionsAllowed minAvailable maxUnavailable
    ${conditions}`,
  ResourceQuota: 'limits { resource used hard }',
  StorageClass: 'provisioner reclaimPolicy volumeBindingMode isDefault allowVolumeExpansion',
  IngressClass: 'controller isDefault',
  PriorityClass: 'value globalDefault preemptionPolicy description',
  CustomResourceDefinition: `group scope established storedVersions ${conditions}`,
  NetworkPolicy: 'policyTypes',
  EndpointSlice: 'addressType',
  Event: 'type reason message count source firstTimestamp lastTimestamp involvedObject { __typename id kind name }',
  Lease: 'holderIdentity renewTime acquireTime leaseDurationSeconds leaseTransitions',
  CustomResource: `columns { name value } ${conditions}`,
};

/** One object of a kind of the table. */
export function objectQuery(kind: Kind): string {
  const place = kind.namespaced ? ', namespace: $namespace' : '';
  const variables = kind.namespaced ? ', $namespace: String' : '';
  return `query Object($cluster: String!, $name: String!${variables}) {
  object: ${fieldOf(kind)}(cluster: $cluster, name: $name${place}) {
    ${common}
    ${FACTS[kind.type] ?? ''}
  }
}
fragment Owner on Resource { __typename id kind name health { status reason } }`;
}

export const CUSTOM_OBJECT = `query Object($resource: String!, $cluster: String!, $namespace: String, $name: String!) {
  object: customResource(resource: $resource, cluster: $cluster, namespace: $namespace, name: $name) {
    ${common}
    ${FACTS.CustomResource}
  }
}
fragment Owner on Resource { __typename id kind name health { status reason } }`;

export interface TouchedEvent {
  type: ChangeEvent['type'];
  clusterId: string | null;
  resource: Named | null;
}

/** Tells which objects change, in a namespace or of a kind, and no more of them. */
export const TOUCHED = `subscription Touched($cluster: String!, $namespace: String, $kind: String) {
  resourceEvents(cluster: $cluster, namespace: $namespace, resourceType: $kind) {
    type clusterId resource { __typename id kind name }
  }
}`;

// --- relations ------------------------------------------------------------------------------------------------

export interface GraphNode {
  id: string;
  kind: string;
  name: string;
  namespaceName: string | null;
  distance: number;
  health: Health;
}

export interface GraphEdge {
  from: string;
  to: string;
  type: string;
}

export interface GraphCut {
  reason: 'DEPTH' | 'FAN_OUT' | 'HUB' | 'SIZE';
  type: string | null;
  node: { id: string; kind: string; name: string };
}

export interface Graph {
  root: { id: string };
  truncated: boolean;
  cuts: GraphCut[];
  nodes: GraphNode[];
  edges: GraphEdge[];
}

export const GRAPH = `query Graph(
  $cluster: String!, $resource: String!, $namespace: String, $name: String!, $depth: Int!, $limit: Int!
) {
  resourceGraph(
    cluster: $cluster, resourceType: $resource, namespace: $namespace, name: $name, depth: $depth, limit: $limit
  ) {
    root { id }
    truncated
    cuts { reason type node { id kind name } }
    nodes { id kind name namespaceName distance health { status reason } }
    edges { from to type }
  }
}`;
