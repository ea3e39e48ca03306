// The heading of a view: names the document, and takes the focus when the view is opened, unless a field in it does.

import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

let first = true;

interface HeadingProps {
  title: string;
  children?: ComponentChildren;
  /** Which effect runs last is not said, so the heading must know that another element wants the focus. */
  takesFocus?: boolean;
}

export function Heading({ title, children, takesFocus = true }: HeadingProps) {
  const ref = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · fleetgraph`;
  }, [title]);
  useEffect(() => {
    // The first view is where the browser puts the focus itself.
    if (!first && takesFocus) ref.current?.focus({ preventScroll: true });
    first = false;
  }, [takesFocus]);
  return (
    <div class="heading">
      <h1 tabIndex={-1} ref={ref}>
        {title}
      </h1>
      {children}
    </div>
  );
}
