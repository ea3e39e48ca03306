// Judges a live server by all audits of the GraphQL-over-HTTP specification.
//
//   node audits.mjs http://127.0.0.1:8080/graphql
//
// An audit of a MUST, a SHOULD or a MAY that is not met fails the run alike: fleetgraph meets all of them.

import { serverAudits } from 'graphql-http';

const url = process.argv[2] ?? process.env.FLEETGRAPH_URL;
if (!url) {
  console.error('usage: node audits.mjs URL');
  process.exit(2);
}

const EXPECTED = 61;
let passed = 0;
const failed = [];
for (const audit of serverAudits({ url, fetchFn: fetch })) {
  const result = await audit.fn();
  if (result.status === 'ok') {
    passed += 1;
  } else {
    failed.push(`${result.status}: ${audit.id} ${audit.name}: ${result.reason}`);
  }
  // Read to the end, so that the connection can be used again.
  await result.response?.body?.cancel().catch(() => {});
}
for (const line of failed) console.log(line);
console.log(`${passed} passed, ${failed.length} failed`);
if (passed + failed.length !== EXPECTED) {
  console.log(`expected ${EXPECTED} audits; has graphql-http changed?`);
  process.exit(1);
}
process.exit(failed.length === 0 ? 0 : 1);
