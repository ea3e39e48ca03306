// What the schema of this tree breaks for those who use the last release.
//
//   node breaking.mjs RELEASED CURRENT ACCEPTED
//
// RELEASED and CURRENT are SDL files. ACCEPTED lists, a line each, the breaking changes that are meant; a `#` begins a
// comment. A change that isn't listed fails, and so does a line for a change that isn't there.

import { readFileSync } from 'node:fs';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { findBreakingChanges, findDangerousChanges, parse } from 'graphql';

const [released, current, accepted] = process.argv.slice(2);
if (!accepted) {
  console.error('usage: node breaking.mjs RELEASED CURRENT ACCEPTED');
  process.exit(2);
}
const schema = (file) => buildSubgraphSchema(parse(readFileSync(file, 'utf8')));
const [before, after] = [schema(released), schema(current)];
const found = findBreakingChanges(before, after).map(({ description }) => description);
const meant = readFileSync(accepted, 'utf8').split('\n').map((line) => line.replace(/#.*/, '').trim()).filter(Boolean);
const unmeant = found.filter((change) => !meant.includes(change));
const stale = meant.filter((change) => !found.includes(change));
for (const change of unmeant) console.log(`breaks: ${change}`);
for (const change of stale) console.log(`accepted, but not there: ${change}`);
for (const { description } of findDangerousChanges(before, after)) console.log(`may surprise: ${description}`);
const failed = unmeant.length + stale.length;
console.log(`${found.length - unmeant.length} breaking changes that are meant; ${failed === 0 ? 1 : 0} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
