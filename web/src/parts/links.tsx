import { type Named, objectIdOf } from '../object_id.ts';
import { href, objectHref } from '../router.ts';

/** A name that leads to the object's page, where there can be one. */
export function ObjectLink({ object, withKind = false }: { object: Named; withKind?: boolean }) {
  const id = objectIdOf(object);
  const text = (
    <>
      {withKind && <span class="kind">{object.kind} </span>}
      <span class="name">{object.name}</span>
    </>
  );
  return id === null ? <span>{text}</span> : <a href={objectHref(id)}>{text}</a>;
}

export function ClusterLink({ id }: { id: string }) {
  return <a href={href('cluster', {}, id)}>{id}</a>;
}
