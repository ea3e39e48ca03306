import { useEffect, useState } from 'preact/hooks';
import { connection } from './api/connection.ts';
import { session } from './api/session.ts';
import { useStore } from './api/store.ts';
import { parseObjectId } from './object_id.ts';
import { Heading } from './parts/heading.tsx';
import { Empty, HeldBackNotice, SignedOutNotice } from './parts/notices.tsx';
import type { Route } from './router.ts';
import { useRoute } from './router.ts';
import { SignInDialog } from './sign_in/dialog.tsx';
import { BrokenView } from './views/broken.tsx';
import { ChangesView } from './views/changes.tsx';
import { ClusterView } from './views/cluster.tsx';
import { FleetView } from './views/fleet.tsx';
import { Header } from './views/header.tsx';
import { NothingVisibleView, useSeesNothing } from './views/nothing_visible.tsx';
import { ObjectView } from './views/object.tsx';
import { ObjectsView } from './views/objects.tsx';
import { Palette } from './views/palette.tsx';
import { SignInView } from './views/sign_in.tsx';

export function App() {
  const route = useRoute();
  const [searching, setSearching] = useState(false);
  const { asked, served, visitor } = useStore(session);
  const { heldUntil } = useStore(connection);
  const seesNothing = useSeesNothing();
  /** Nothing can be shown before somebody signs in. */
  const closed = asked !== null && !served;

  useEffect(() => {
    if (closed) setSearching(false);
  }, [closed]);

  useEffect(() => {
    if (closed) return;
    const pressed = (event: KeyboardEvent) => {
      const typing = event.target instanceof HTMLElement && event.target.closest('input, select, textarea, dialog');
      const slash = event.key === '/' && !typing && !event.ctrlKey && !event.metaKey && !event.altKey;
      const ctrlK = event.key.toLowerCase() === 'k' && (event.ctrlKey || event.metaKey) && !event.altKey;
      if (!slash && !ctrlK) return;
      event.preventDefault();
      setSearching(true);
    };
    addEventListener('keydown', pressed);
    return () => removeEventListener('keydown', pressed);
  }, [closed]);

  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        Skip to the content
      </button>
      <Header view={route.view} onSearch={closed ? null : () => setSearching(true)} />
      <main id="main" tabIndex={-1}>
        {closed ? (
          <SignInView key={asked} asked={asked} />
        ) : (
          <>
            <SignedOutNotice />
            {heldUntil !== null && <HeldBackNotice until={heldUntil} />}
            {seesNothing ? <NothingVisibleView /> : <View key={visitor} route={route} />}
          </>
        )}
      </main>
      <footer>
        <a href="explorer.html">GraphQL explorer</a>
        <a href="licenses.md">Licences</a>
      </footer>
      {!closed && <SignInDialog />}
      {searching && <Palette onClose={() => setSearching(false)} />}
    </>
  );
}

function View({ route }: { route: Route }) {
  switch (route.view) {
    case 'fleet':
      return <FleetView params={route.params} />;
    case 'broken':
      return <BrokenView params={route.params} />;
    case 'changes':
      return <ChangesView params={route.params} />;
    case 'objects':
      return <ObjectsView params={route.params} />;
    case 'cluster':
      return <ClusterView key={route.id} id={route.id} />;
    case 'object': {
      const id = parseObjectId(route.id);
      if (id) return <ObjectView key={route.id} id={id} />;
    }
  }
  return (
    <>
      <Heading title="Not found" />
      <Empty title="There is no such page.">
        <a href="#/">To the fleet</a>
      </Empty>
    </>
  );
}
