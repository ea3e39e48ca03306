import { useState } from 'preact/hooks';
import type { ObjectEvent } from '../api/documents.ts';
import { Mark } from '../parts/status.tsx';
import { Age } from '../parts/time.tsx';

const FIRST = 15;

const lastSeen = (event: ObjectEvent) => Date.parse(event.lastTimestamp ?? event.firstTimestamp ?? '') || 0;

/** The Kubernetes events about an object, the newest first. */
export function Events({ events, known }: { events: ObjectEvent[]; known: boolean }) {
  const [all, setAll] = useState(false);
  const newest = [...events].sort((a, b) => lastSeen(b) - lastSeen(a));
  const shown = all ? newest : newest.slice(0, FIRST);
  return (
    <section aria-label="Events">
      <h2>Events</h2>
      {events.length === 0 ? (
        <p class="faint">
          {known ? 'None. Kubernetes forgets events after an hour, if not told otherwise.' : 'They are not known.'}
        </p>
      ) : (
        <div class="table-frame">
          <table class="stack">
            <caption class="hidden">Events, the newest first</caption>
            <thead>
              <tr>
                <th scope="col">Event</th>
                <th scope="col">Message</th>
                <th scope="col" class="right">
                  Seen
                </th>
              </tr>
            </thead>
            <tbody>
              {shown.map((event) => (
                <tr key={event.id}>
                  <th scope="row">
                    <span class={`status ${event.type === 'Warning' ? 'warn' : 'idle'}`}>
                      <Mark tone={event.type === 'Warning' ? 'warn' : 'idle'} />
                      <span class="hidden">{event.type} </span>
                      {event.reason}
                    </span>
                    <div class="sub">{event.source}</div>
                  </th>
                  <td class="breakable line">{event.message}</td>
                  <td class="right">
                    <Age at={event.lastTimestamp ?? event.firstTimestamp} suffix=" ago" />
                    {event.count > 1 && <div class="sub number">{event.count} times</div>}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {newest.length > shown.length && (
        <button type="button" class="button" onClick={() => setAll(true)}>
          Show all {newest.length} events
        </button>
      )}
    </section>
  );
}
