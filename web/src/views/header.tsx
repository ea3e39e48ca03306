import { useState } from 'preact/hooks';
import { type Connection, connection, retryNow } from '../api/connection.ts';
import { askNow, leave, session } from '../api/session.ts';
import { useStore } from '../api/store.ts';
import { LeaveIcon, MoonIcon, OutIcon, SearchIcon, SunIcon, SystemIcon } from '../parts/icons.tsx';
import { Countdown } from '../parts/time.tsx';
import { href } from '../router.ts';
import { storedTheme, storeTheme, type Theme } from '../theme.ts';

const VIEWS = [
  ['fleet', 'Fleet'],
  ['broken', 'Broken now'],
  ['changes', 'Changes'],
  ['objects', 'Objects'],
] as const;

/** Without `onSearch` there is nothing to search in. */
export function Header({ view, onSearch }: { view: string; onSearch: (() => void) | null }) {
  const { signedIn } = useStore(session);
  return (
    <header class="bar">
      <a class="brand" href="#/">
        <Logo />
        fleetgraph
      </a>
      <nav class="views" aria-label="Views">
        {VIEWS.map(([name, label]) => (
          <a key={name} href={href(name)} aria-current={name === view ? 'page' : undefined}>
            {label}
          </a>
        ))}
        <a href="explorer.html">
          Explorer <OutIcon />
        </a>
      </nav>
      <button
        type="button"
        class="search-button"
        onClick={() => onSearch?.()}
        disabled={onSearch === null}
        aria-label="Search"
        aria-keyshortcuts="/ Control+K"
      >
        <SearchIcon />
        <span class="search-hint">Search</span>
        <kbd>/</kbd>
      </button>
      <ConnectionState />
      {signedIn && (
        <button type="button" class="icon-button" onClick={leave} aria-label="Sign out" title="Sign out">
          <LeaveIcon />
        </button>
      )}
      <ThemeButton />
    </header>
  );
}

function Logo() {
  return (
    <svg viewBox="0 0 32 32" width="22" height="22" aria-hidden="true" focusable="false">
      <g stroke="currentColor" stroke-width="2.500" fill="none">
        <path d="M7 8l9 8m9-8l-9 8m0 0v9" />
      </g>
      <g fill="currentColor">
        <circle cx="7" cy="8" r="4" />
        <circle cx="25" cy="8" r="4" />
        <circle cx="16" cy="16" r="4.500" />
        <circle cx="16" cy="26" r="4" />
      </g>
    </svg>
  );
}

function describe({ live, answers }: Connection): [tone: string, text: string] {
  if (!answers) return ['bad', 'No answer'];
  if (live === 'live') return ['good', 'Live'];
  if (live === 'waiting') return ['bad', 'Disconnected'];
  if (live === 'connecting') return ['warn', 'Connecting'];
  return ['good', 'Connected'];
}

function ConnectionState() {
  const state = useStore(connection);
  const { asked, later } = useStore(session);
  const [tone, text] = asked === null ? describe(state) : ['warn', 'Not signed in'];
  return (
    <div class="connection">
      <span role="status" class={`connection-text ${tone}`}>
        <span class="dot" aria-hidden="true" />
        {text}
      </span>
      {asked !== null && later && (
        <button type="button" class="link" onClick={askNow}>
          Sign in
        </button>
      )}
      {asked === null && state.live === 'waiting' && state.retryAt !== null && (
        <button type="button" class="link" onClick={retryNow} title="Connect now">
          again in <Countdown to={state.retryAt} />
        </button>
      )}
    </div>
  );
}

const THEMES: Record<Theme, { next: Theme; label: string }> = {
  system: { next: 'light', label: 'Colours: as the system. Change to light' },
  light: { next: 'dark', label: 'Colours: light. Change to dark' },
  dark: { next: 'system', label: 'Colours: dark. Change to the system’s' },
};

function ThemeButton() {
  const [theme, setTheme] = useState(storedTheme);
  const { next, label } = THEMES[theme];
  const change = () => {
    storeTheme(next);
    setTheme(next);
  };
  return (
    <button type="button" class="icon-button" onClick={change} aria-label={label} title={label}>
      {theme === 'system' ? <SystemIcon /> : theme === 'light' ? <SunIcon /> : <MoonIcon />}
    </button>
  );
}
