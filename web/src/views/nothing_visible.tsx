// What stands in place of every view for callers to whom no cluster shows anything: an empty table would say that there
// is nothing, and an empty list of what is broken that all is well.

import { CLUSTER_IDS } from '../api/documents.ts';
import { session } from '../api/session.ts';
import { useStore } from '../api/store.ts';
import { useQuery } from '../api/use_query.ts';
import { Heading } from '../parts/heading.tsx';
import { Empty } from '../parts/notices.tsx';

const POLL_MS = 15_000;

/** Whether whoever is signed in sees no cluster at all. */
export function useSeesNothing(): boolean {
  const { signedIn, asked } = useStore(session);
  // What was known of those whose token has ended stays until they are back.
  const query = signedIn || asked === 'ended' ? CLUSTER_IDS : null;
  const { data } = useQuery<{ clusters: unknown[] }>(query, {}, POLL_MS);
  return query !== null && data?.clusters.length === 0;
}

export function NothingVisibleView() {
  return (
    <>
      <Heading title="No cluster to see" />
      <Empty title="You are signed in, but no cluster’s rules show you anything.">
        Ask those who run a cluster for a role in it. What it lets you list appears here by itself.
      </Empty>
    </>
  );
}
