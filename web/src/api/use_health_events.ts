// Tells when the health of what people deploy may have changed.

import { useEffect, useRef } from 'preact/hooks';
import { type HealthChange, healthEvents } from './documents.ts';
import { subscribe } from './live.ts';

// With `onlyChanges`, which only the events of one kind have, the server leaves out updates that do not touch the
// health: of a rollout of 1,000 pods a few hundred messages come, and not tens of thousands. Other kinds rarely
// change their health, and are seen with the next poll.
const KINDS = [
  'Pod',
  'Deployment',
  'StatefulSet',
  'DaemonSet',
  'Job',
  'Node',
  'PersistentVolumeClaim',
  'Service',
  'Ingress',
];

const DOCUMENTS = KINDS.map(healthEvents);

/** Calls `changed` after each change of health, and whenever changes may have been missed. */
export function useHealthEvents(cluster: string | null, namespace: string | null, changed: () => void): void {
  const latest = useRef(changed);
  latest.current = changed;
  useEffect(() => {
    const tell = () => latest.current();
    const stops = DOCUMENTS.map((document) =>
      subscribe<HealthChange>(document, { cluster, namespace }, { next: tell, missed: tell }),
    );
    return () => {
      for (const stop of stops) stop();
    };
  }, [cluster, namespace]);
}
