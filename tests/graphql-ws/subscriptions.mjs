// Subscribes to a live server with the public clients of both protocols, and breaks the rules with a bare socket.
//
//   node subscriptions.mjs http://127.0.0.1:8080/graphql 'subscription { clusterEvents { cluster { id } } }'
//
// The subscription should give a first result within a few seconds.

import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createWsClient } from 'graphql-ws';
import WebSocket from 'ws';

import { check, equal, runAll, within } from './harness.mjs';

const url = process.argv[2] ?? process.env.FLEETGRAPH_URL;
const subscription = process.argv[3] ?? process.env.SUBSCRIPTION;
if (!url || !subscription) {
  console.error('usage: node subscriptions.mjs URL SUBSCRIPTION');
  process.exit(2);
}
const wsUrl = url.replace(/^http/, 'ws');

function wsClient(options = {}) {
  return createWsClient({ url: wsUrl, webSocketImpl: WebSocket, retryAttempts: 0, ...options });
}

async function first(client, query) {
  const results = client.iterate({ query });
  const { value } = await within(results.next(), 10_000, 'a first result');
  await results.return();
  return value;
}

// Sends texts one after the other and waits for the socket to be closed.
function closedAfter(texts, protocols = 'graphql-transport-ws') {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(wsUrl, protocols);
    socket.on('open', () => texts.forEach((text) => socket.send(text)));
    socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    socket.on('error', reject);
  });
}

const init = '{"type":"connection_init"}';
const subscribe = (id) => JSON.stringify({ id, type: 'subscribe', payload: { query: subscription } });

for (const [name, makeClient] of [
  ['WebSocket', wsClient],
  ['SSE', () => createSseClient({ url, retryAttempts: 0 })],
]) {
  check(`${name}: a subscription gives a result without errors`, async () => {
    const client = makeClient();
    const value = await first(client, subscription);
    equal(value.errors, undefined, 'errors');
    equal(typeof value.data, 'object', 'data');
    await client.dispose();
  });

  check(`${name}: a query gives one result and completes`, async () => {
    const client = makeClient();
    const seen = [];
    for await (const value of client.iterate({ query: '{ __typename }' })) seen.push(value);
    equal(seen, [{ data: { __typename: 'Query' } }], 'results');
    await client.dispose();
  });

  check(`${name}: twenty subscriptions run side by side and end alone`, async () => {
    const client = makeClient();
    const all = Array.from({ length: 20 }, () => first(client, subscription));
    equal((await Promise.all(all)).filter((value) => value.data).length, 20, 'results');
    await client.dispose();
  });
}

check('WebSocket: a subscription that does not fit the schema ends in an error with a code', async () => {
  const client = wsClient();
  let refused;
  try {
    await first(client, 'subscription { nothingOfThisName }');
  } catch (errors) {
    refused = errors;
  }
  equal(refused?.[0]?.extensions?.code, 'GRAPHQL_VALIDATION_FAILED', 'code');
  await client.dispose();
});

check('SSE: a subscription that does not fit the schema gives the error as its only result', async () => {
  const client = createSseClient({ url, retryAttempts: 0 });
  const seen = [];
  for await (const value of client.iterate({ query: 'subscription { nothingOfThisName }' })) seen.push(value);
  equal(seen.length, 1, 'results');
  equal(seen[0].errors[0].extensions.code, 'GRAPHQL_VALIDATION_FAILED', 'code');
  client.dispose();
});

check('WebSocket: the client is told apart from silence by ping and pong', async () => {
  const client = wsClient({ keepAlive: 200, lazy: false });
  const pong = new Promise((resolve) => client.on('pong', (received) => received && resolve()));
  await within(pong, 5_000, 'a pong');
  await client.dispose();
});

for (const [name, texts, code, protocols] of [
  ['a message that is no JSON', ['nonsense'], 4400],
  ['a message of an unknown type', [init, '{"type":"start"}'], 4400],
  ['a subscription before the acknowledgement', [subscribe('1')], 4401],
  ['another subprotocol', [], 4406, 'graphql-ws'],
  ['an id that is in use', [init, subscribe('1'), subscribe('1')], 4409],
  ['a second connection_init', [init, init], 4429],
]) {
  check(`WebSocket: ${name} closes the socket with ${code}`, async () => {
    const closed = await closedAfter(texts, protocols);
    equal(closed.code, code, `close code (${closed.reason})`);
  });
}

await runAll();
