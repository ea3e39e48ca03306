// What is particular to a kind: short facts as a list, longer ones as tables of their own.

import type { ComponentChildren } from 'preact';
import type { Condition, Container, ObjectDetail } from '../api/documents.ts';
import type { Named, ObjectId } from '../object_id.ts';
import { ObjectLink } from '../parts/links.tsx';
import { Mark, type Tone } from '../parts/status.tsx';
import { Age } from '../parts/time.tsx';
import { objectHref } from '../router.ts';

const COMMON = new Set(
  '__typename id kind name apiVersion uid generation resourceVersion createdAt deletedAt labels annotations health freshness ownedBy managedBy events yaml'.split(
    ' ',
  ),
);

/** Shown elsewhere on the page. */
const ELSEWHERE = new Set([
  'conditions',
  'containers',
  'initContainers',
  'ports',
  'keys',
  'secretKeys',
  'limits',
  'columns',
]);

const LABELS: Record<string, string> = {
  podIP: 'Pod IP',
  hostIP: 'Host IP',
  clusterIP: 'Cluster IP',
  internalIP: 'Internal IP',
  externalIP: 'External IP',
  externalIPs: 'External IPs',
  osImage: 'OS image',
  serviceType: 'Type',
  secretType: 'Type',
  nodeName: 'Node',
  involvedObject: 'Concerns',
};

/** `readyReplicas` becomes `Ready replicas`. */
function labelOf(field: string): string {
  const words = field.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
  return LABELS[field] ?? words.charAt(0).toUpperCase() + words.slice(1);
}

const isNamed = (value: object): value is Named => 'id' in value && 'kind' in value && 'name' in value;
const isTime = (value: string) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/.test(value);

function present(value: unknown): ComponentChildren {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'number') return <span class="number">{value.toLocaleString()}</span>;
  if (typeof value === 'string') return isTime(value) ? <Age at={value} suffix=" ago" /> : value;
  if (Array.isArray(value)) {
    return value.map((each) => (
      <div key={String(each)} class="breakable">
        {String(each)}
      </div>
    ));
  }
  if (typeof value === 'object' && value !== null) {
    if (isNamed(value)) return <ObjectLink object={value} withKind />;
    const parts = Object.entries(value).filter(([, each]) => typeof each !== 'object');
    const [only] = parts;
    return parts.length === 1 && only ? String(only[1]) : parts.map(([key, each]) => `${key} ${each}`).join(', ');
  }
  return null;
}

const isEmpty = (value: unknown) => value === null || value === '' || (Array.isArray(value) && value.length === 0);

export function FactList({ id, object }: { id: ObjectId; object: ObjectDetail }) {
  const facts = Object.entries(object).filter(
    ([field, value]) => !COMMON.has(field) && !ELSEWHERE.has(field) && !isEmpty(value),
  );
  const link = (field: string, value: unknown): ComponentChildren => {
    const to: Record<string, string> = {
      nodeName: `nodes/${id.cluster}::${value}`,
      serviceAccountName: `serviceaccounts/${id.cluster}:${id.namespace}:${value}`,
      storageClassName: `storageclasses.storage.k8s.io/${id.cluster}::${value}`,
      volumeName: `persistentvolumes/${id.cluster}::${value}`,
      ingressClassName: `ingressclasses.networking.k8s.io/${id.cluster}::${value}`,
    };
    return to[field] ? <a href={objectHref(to[field])}>{String(value)}</a> : present(value);
  };
  return facts.map(([field, value]) => {
    const shown = field === 'status' && typeof value === 'object' ? withoutConditions(value) : value;
    return isEmpty(shown) ? null : (
      <div key={field} class="fact">
        <dt>{labelOf(field)}</dt>
        <dd>{link(field, shown)}</dd>
      </div>
    );
  });
}

function withoutConditions(status: unknown): unknown {
  const { conditions: _, phase } = status as { conditions?: unknown; phase?: string };
  return phase ?? null;
}

export function KindTables({ object }: { object: ObjectDetail }) {
  const field = <T,>(name: string) => (Array.isArray(object[name]) ? (object[name] as T[]) : []);
  const status = object.status as { conditions?: Condition[] } | null | undefined;
  return (
    <>
      <Containers title="Containers" containers={field<Container>('containers')} />
      <Containers title="Init containers" containers={field<Container>('initContainers')} />
      <Conditions conditions={[...field<Condition>('conditions'), ...(status?.conditions ?? [])]} />
      <Plain title="Ports" rows={field('ports')} />
      <Plain title="Keys" rows={[...field<object>('keys'), ...field<object>('secretKeys')]} />
      <Plain title="Limits" rows={field('limits')} />
      <Plain title="Columns" rows={field('columns')} />
    </>
  );
}

function stateOf(container: Container): [Tone, string] {
  const { state, reason, exitCode } = container.state;
  const words = [state, reason, exitCode ? `exit code ${exitCode}` : null].filter(Boolean).join(', ');
  if (state === 'running') return [container.ready ? 'good' : 'warn', container.ready ? words : `${words}, not ready`];
  if (state === 'terminated') return [exitCode === 0 ? 'idle' : 'bad', words];
  return [/BackOff|Err|Invalid|Fail/.test(reason ?? '') ? 'bad' : 'warn', words];
}

function Containers({ title, containers }: { title: string; containers: Container[] }) {
  if (containers.length === 0) return null;
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      <div class="table-frame">
        <table class="stack">
          <caption class="hidden">{title}</caption>
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">State</th>
              <th scope="col" class="right">
                Restarts
              </th>
            </tr>
          </thead>
          <tbody>
            {containers.map((container) => {
              const [tone, words] = stateOf(container);
              return (
                <tr key={container.name}>
                  <th scope="row">
                    {container.name}
                    <div class="sub breakable">{container.image}</div>
                  </th>
                  <td>
                    <span class={`status ${tone}`}>
                      <Mark tone={tone} />
                      {words}
                    </span>
                    {container.state.message && <div class="sub said">{container.state.message}</div>}
                  </td>
                  <td class="right number">{container.restartCount}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Conditions({ conditions }: { conditions: Condition[] }) {
  if (conditions.length === 0) return null;
  return (
    <section aria-label="Conditions">
      <h2>Conditions</h2>
      <div class="table-frame">
        <table class="stack">
          <caption class="hidden">Conditions</caption>
          <thead>
            <tr>
              <th scope="col">Condition</th>
              <th scope="col">Status</th>
              <th scope="col">Reason</th>
              <th scope="col" class="right">
                Since
              </th>
            </tr>
          </thead>
          <tbody>
            {conditions.map((condition) => (
              <tr key={condition.type}>
                <th scope="row">{condition.type}</th>
                <td>{condition.status}</td>
                <td class="line">
                  {condition.reason}
                  {condition.message && <div class="sub said">{condition.message}</div>}
                </td>
                <td class="right">
                  <Age at={condition.lastTransitionTime} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

/** Rows of scalars, with a column for each field that any row has. */
function Plain({ title, rows }: { title: string; rows: object[] }) {
  const fields = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter((field) =>
    rows.some((row) => !isEmpty((row as Record<string, unknown>)[field])),
  );
  if (rows.length === 0) return null;
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      <div class="table-frame">
        <table>
          <caption class="hidden">{title}</caption>
          <thead>
            <tr>
              {fields.map((field) => (
                <th key={field} scope="col">
                  {labelOf(field)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: rows have no common identity
              <tr key={index}>
                {fields.map((field) => (
                  <td key={field} class="breakable">
                    {present((row as Record<string, unknown>)[field])}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
