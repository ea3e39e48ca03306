import type { ComponentChildren } from 'preact';

const draw = (children: ComponentChildren) => (
  <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
    {children}
  </svg>
);

const line = (d: string) => (
  <path d={d} fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" />
);

export const SearchIcon = () =>
  draw([
    <circle key="lens" cx="7" cy="7" r="4.250" fill="none" stroke="currentColor" stroke-width="1.5" />,
    line('M10.300 10.300 14 14'),
  ]);
export const SunIcon = () =>
  draw([
    <circle key="sun" cx="8" cy="8" r="2.750" fill="none" stroke="currentColor" stroke-width="1.5" />,
    line(
      'M8 1.500v1M8 13.500v1M1.500 8h1M13.500 8h1M3.400 3.400l.7.7M11.900 11.900l.7.7M12.600 3.400l-.7.7M4.100 11.900l-.7.7',
    ),
  ]);
export const MoonIcon = () => draw(line('M13.500 9.600A5.750 5.750 0 0 1 6.400 2.500a5.750 5.750 0 1 0 7.100 7.100Z'));
export const SystemIcon = () =>
  draw([
    <circle key="ring" cx="8" cy="8" r="5.750" fill="none" stroke="currentColor" stroke-width="1.5" />,
    <path key="half" d="M8 2.250a5.750 5.750 0 0 1 0 11.500Z" fill="currentColor" />,
  ]);
export const PauseIcon = () => draw(line('M5.500 3.500v9M10.500 3.500v9'));
export const PlayIcon = () => draw(<path d="M4.500 3v10l8.500-5Z" fill="currentColor" />);
export const CopyIcon = () => draw(line('M5.500 5.500v-3h8v8h-3M2.500 5.500h8v8h-8Z'));
export const ChevronIcon = () => draw(line('m6 3.500 4.500 4.500L6 12.500'));
export const LeaveIcon = () => draw(line('M6.500 3.500h-3v9h3M6.500 8h7M10.500 5l3 3-3 3'));
export const OutIcon = () => draw(line('M6.500 3.500h-3v9h9v-3M9.500 2.500h4v4M13.500 2.500l-6 6'));
