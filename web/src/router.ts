// Views by the fragment of the address, so that each can be linked and the server serves one document for all.
//
//   #/                       fleet           #/broken?cluster=prod      #/changes?kind=pods
//   #/cluster/prod           #/objects?text=cart                        #/object/deployments.apps/prod:shop:cart

import { useEffect, useState } from 'preact/hooks';

export interface Route {
  /** `fleet`, `broken`, `changes`, `objects`, `cluster`, `object`. */
  view: string;
  /** What follows the view in the path: an id. */
  id: string;
  params: URLSearchParams;
}

export type Params = Record<string, string | null | undefined>;

export function parseRoute(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#?\/?/, '').split(/\?(.*)/s, 2);
  const slash = path.indexOf('/');
  const view = (slash < 0 ? path : path.slice(0, slash)) || 'fleet';
  const id = slash < 0 ? '' : safeDecode(path.slice(slash + 1));
  return { view, id, params: new URLSearchParams(search) };
}

export function href(view: string, params: Params = {}, id = ''): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) if (value) search.set(key, value);
  const path = view === 'fleet' ? '' : view;
  const tail = id === '' ? '' : `/${encodeURI(id).replace(/[?#]/g, encodeURIComponent)}`;
  const query = search.size === 0 ? '' : `?${search}`;
  return `#/${path}${tail}${query}`;
}

export const objectHref = (id: string): string => href('object', {}, id);

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Goes to a view; with `replace` without a step in the history, as for each letter that is typed into a filter. */
export function go(to: string, replace = false): void {
  if (replace) {
    history.replaceState(null, '', to);
    dispatchEvent(new HashChangeEvent('hashchange'));
  } else {
    location.hash = to;
  }
}

export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const changed = () => setHash(location.hash);
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }, []);
  return parseRoute(hash);
}
