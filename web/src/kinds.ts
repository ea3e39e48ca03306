// The kinds that have a type of their own in the schema. Whatever else there is, is a `CustomResource`.
//
// The interface `Resource` has only what is common to real objects and to mere references, so a document that needs
// more spells out the types; this table is what it is written from. A test compares it with the schema.

export interface Kind {
  /** The type in GraphQL, which is the kind in Kubernetes. */
  type: string;
  /** Plural and group, as ids in a graph begin: `deployments.apps`. */
  resource: string;
  namespaced: boolean;
}

const kind = (type: string, resource: string, namespaced = true): Kind => ({ type, resource, namespaced });

const RBAC = 'rbac.authorization.k8s.io';

export const KINDS: readonly Kind[] = [
  kind('ClusterRole', `clusterroles.${RBAC}`, false),
  kind('ClusterRoleBinding', `clusterrolebindings.${RBAC}`, false),
  kind('ConfigMap', 'configmaps'),
  kind('CronJob', 'cronjobs.batch'),
  kind('CustomResourceDefinition', 'customresourcedefinitions.apiextensions.k8s.io', false),
  kind('DaemonSet', 'daemonsets.apps'),
  kind('Deployment', 'deployments.apps'),
  kind('EndpointSlice', 'endpointslices.discovery.k8s.io'),
  kind('Event', 'events'),
  kind('HorizontalPodAutoscaler', 'horizontalpodautoscalers.autoscaling'),
  kind('Ingress', 'ingresses.networking.k8s.io'),
  kind('IngressClass', 'ingressclasses.networking.k8s.io', false),
  kind('Job', 'jobs.batch'),
  kind('Lease', 'leases.coordination.k8s.io'),
  kind('LimitRange', 'limitranges'),
  kind('Namespace', 'namespaces', false),
  kind('NetworkPolicy', 'networkpolicies.networking.k8s.io'),
  kind('Node', 'nodes', false),
  kind('PersistentVolume', 'persistentvolumes', false),
  kind('PersistentVolumeClaim', 'persistentvolumeclaims'),
  kind('Pod', 'pods'),
  kind('PodDisruptionBudget', 'poddisruptionbudgets.policy'),
  kind('PriorityClass', 'priorityclasses.scheduling.k8s.io', false),
  kind('ReplicaSet', 'replicasets.apps'),
  kind('ResourceQuota', 'resourcequotas'),
  kind('Role', `roles.${RBAC}`),
  kind('RoleBinding', `rolebindings.${RBAC}`),
  kind('Secret', 'secrets'),
  kind('Service', 'services'),
  kind('ServiceAccount', 'serviceaccounts'),
  kind('StatefulSet', 'statefulsets.apps'),
  kind('StorageClass', 'storageclasses.storage.k8s.io', false),
];

/** What is counted as a workload: what people deploy, not what controllers make of it. */
export const WORKLOADS = ['deployments.apps', 'statefulsets.apps', 'daemonsets.apps', 'jobs.batch', 'cronjobs.batch'];

const byType = new Map(KINDS.map((kind) => [kind.type, kind]));
const byResource = new Map(KINDS.map((kind) => [kind.resource, kind]));

export const kindOfType = (type: string): Kind | undefined => byType.get(type);
export const kindOfResource = (resource: string): Kind | undefined => byResource.get(resource);

/** The field of the query root that gives one object: `configMap`. */
export const fieldOf = (kind: Kind): string => kind.type.charAt(0).toLowerCase() + kind.type.slice(1);
