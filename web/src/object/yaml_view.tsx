// YAML to read and to copy.

import { useMemo, useState } from 'preact/hooks';
import { CopyIcon } from '../parts/icons.tsx';
import { tokensOf } from './yaml_tokens.ts';

/** Lines that are drawn before someone asks for all. */
const LINES = 400;

export function YamlView({ yaml }: { yaml: string }) {
  const [all, setAll] = useState(false);
  const lines = useMemo(() => yaml.replace(/\n$/, '').split('\n'), [yaml]);
  const shown = all ? lines : lines.slice(0, LINES);
  return (
    <section aria-label="YAML" class="yaml">
      <div class="toolbar">
        <h2>YAML</h2>
        <CopyButton text={yaml} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys */}
      <pre tabIndex={0}>
        <code>
          {shown.map((line, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a line has no other identity
            <Line key={index} line={line} />
          ))}
        </code>
      </pre>
      {!all && lines.length > LINES && (
        <button type="button" class="button" onClick={() => setAll(true)}>
          Show all {lines.length.toLocaleString()} lines
        </button>
      )}
    </section>
  );
}

function Line({ line }: { line: string }) {
  return (
    <>
      {tokensOf(line).map(([type, text], index) =>
        type === 'plain' ? (
          text
        ) : (
          // biome-ignore lint/suspicious/noArrayIndexKey: a token has no other identity
          <span key={index} class={`y-${type}`}>
            {text}
          </span>
        ),
      )}
      {'\n'}
    </>
  );
}

function CopyButton({ text }: { text: string }) {
  const [said, setSaid] = useState('');
  const copy = async () => {
    try {
      await copyText(text);
      setSaid('Copied');
    } catch {
      setSaid('The browser does not allow it');
    }
    setTimeout(() => setSaid(''), 2_500);
  };
  return (
    <>
      <span role="status" class="faint">
        {said}
      </span>
      <button type="button" class="button" onClick={copy}>
        <CopyIcon />
        Copy
      </button>
    </>
  );
}

/** The clipboard's own interface is there only over HTTPS and on localhost. */
async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'hidden';
  document.body.append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  if (!done) throw new Error('refused');
}
