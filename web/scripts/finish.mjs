// After `vite build`: what is shipped, what the page costs, and a compressed form of each file.
//
// The page may cost BUDGET bytes compressed: everything that index.html leads to, whenever it is loaded. What only
// explorer.html leads to is counted for information.

import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';

const BUDGET = 300_000;
const dist = new URL('../dist/', import.meta.url).pathname;
const manifest = JSON.parse(readFileSync(join(dist, '.vite/manifest.json'), 'utf8'));

const files = readdirSync(dist, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && !entry.parentPath.endsWith('.vite') && !entry.name.endsWith('.gz'))
  .map((entry) => relative(dist, join(entry.parentPath, entry.name)))
  .sort();

function reachable(entry) {
  const found = new Set([entry]);
  const seen = new Set();
  const visit = (key) => {
    const chunk = manifest[key];
    if (!chunk || seen.has(key)) return;
    seen.add(key);
    for (const file of [chunk.file, ...(chunk.css ?? []), ...(chunk.assets ?? [])]) found.add(file);
    for (const next of [...(chunk.imports ?? []), ...(chunk.dynamicImports ?? [])]) visit(next);
  };
  visit(entry);
  // Icons are named by the document, and by no chunk.
  const text = readFileSync(join(dist, entry), 'utf8');
  for (const file of files) if (text.includes(file)) found.add(file);
  return found;
}

const compressed = new Map(files.map((file) => [file, gzipSync(readFileSync(join(dist, file)), { level: 9 })]));
const cost = (some) => [...some].reduce((sum, file) => sum + (compressed.get(file)?.length ?? 0), 0);

const page = reachable('index.html');
const explorer = files.filter((file) => !page.has(file));
for (const [file, bytes] of compressed) {
  const size = statSync(join(dist, file)).size;
  if (bytes.length < size) writeFileSync(join(dist, `${file}.gz`), bytes);
}
rmSync(join(dist, '.vite'), { recursive: true });

const kb = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;
console.log(`page      ${kb(cost(page))} compressed of ${kb(BUDGET)}, in ${page.size} files`);
for (const file of page) console.log(`          ${kb(compressed.get(file).length).padStart(9)}  ${file}`);
console.log(`explorer  ${kb(cost(explorer))} compressed beside it, in ${explorer.length} files`);
if (cost(page) > BUDGET) {
  console.error(`The page is ${kb(cost(page) - BUDGET)} over its budget.`);
  // What is left would look finished the next time.
  rmSync(join(dist, 'index.html'));
  process.exit(1);
}
