// The heading of a view: names the document, and takes the focus when the view is opened.

import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

let first = true;

export function Heading({ title, children }: { title: string; children?: ComponentChildren }) {
  const ref = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · fleetgraph`;
  }, [title]);
  useEffect(() => {
    // The first view is where the browser puts the focus itself.
    if (!first) ref.current?.focus({ preventScroll: true });
    first = false;
  }, []);
  return (
    <div class="heading">
      <h1 tabIndex={-1} ref={ref}>
        {title}
      </h1>
      {children}
    </div>
  );
}
