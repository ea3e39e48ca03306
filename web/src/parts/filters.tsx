// Choices above a list. Each is in the address, so that what is seen can be sent to others.

import { useId } from 'preact/hooks';
import type { Count, HealthStatus } from '../api/documents.ts';
import { Mark, toneOf, wordOf } from './status.tsx';

interface ChoiceProps {
  label: string;
  /** What no choice is called. */
  all: string;
  value: string;
  counts: Count[];
  onChange(value: string): void;
}

/** One of the values that a facet counts. The chosen one is listed even if it has none. */
export function Choice({ label, all, value, counts, onChange }: ChoiceProps) {
  const id = useId();
  const missing = value !== '' && !counts.some((count) => count.value === value);
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        <option value="">{all}</option>
        {missing && <option value={value}>{value} (0)</option>}
        {counts.map((count) => (
          <option key={count.value} value={count.value}>
            {count.value} ({count.count.toLocaleString()})
          </option>
        ))}
      </select>
    </div>
  );
}

interface HealthChoiceProps {
  offered: readonly HealthStatus[];
  chosen: readonly HealthStatus[];
  counts: Count[];
  onChange(chosen: HealthStatus[]): void;
}

/** Any number of health states. None chosen means all that are offered. */
export function HealthChoice({ offered, chosen, counts, onChange }: HealthChoiceProps) {
  const countOf = (status: HealthStatus) => counts.find((count) => count.value === status)?.count ?? 0;
  return (
    <fieldset class="chips">
      <legend>Health</legend>
      {offered.map((status) => {
        const on = chosen.includes(status);
        const toggled = on ? chosen.filter((each) => each !== status) : [...chosen, status];
        return (
          <button key={status} type="button" class="chip" aria-pressed={on} onClick={() => onChange(toggled)}>
            <Mark tone={toneOf(status)} />
            {wordOf(status)} <span class="number">{countOf(status).toLocaleString()}</span>
          </button>
        );
      })}
    </fieldset>
  );
}
