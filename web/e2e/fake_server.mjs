// A small fleetgraph that asks who is calling: the answers of the real schema, made up, behind the protocol of
// authentication over HTTP and graphql-transport-ws.
//
//   no token, or one that is not known   401 UNAUTHENTICATED                  4403 before the acknowledgement
//   it can't be told now                 503 AUTHENTICATION_UNAVAILABLE       1013
//   too many requests                    429 RATE_LIMITED, with a time        an error with a time
//   a token that was revoked             401                                  4403 on the open socket

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import {
  buildSchema,
  execute,
  getNullableType,
  isEnumType,
  isListType,
  isNonNullType,
  isObjectType,
  parse,
} from 'graphql';
import { WebSocketServer } from 'ws';

const schema = (() => {
  const sdl = readFileSync(new URL('../../schema/fleetgraph.graphql', import.meta.url), 'utf8');
  const federation = `
    directive @key(fields: String!, resolvable: Boolean = true) repeatable on OBJECT | INTERFACE
    directive @shareable on OBJECT | FIELD_DEFINITION
  `;
  return buildSchema(federation + sdl.replace(/extend schema @link\([\s\S]*?\n\)/, ''), { assumeValidSDL: true });
})();

const SAY_WHO = 'say who is calling: the header `authorization: Bearer TOKEN`, or the same in connection_init';
const NOT_VALID = 'the credential is not valid here: it may have expired, or be meant for somebody else';
const NOT_NOW = 'it can’t be found out now who is calling; try again';

/** The least that a type may hold, for what a test does not care about. */
function least(type) {
  if (!isNonNullType(type)) return null;
  const bare = getNullableType(type);
  if (isListType(bare)) return [];
  if (isEnumType(bare)) return bare.getValues()[0].value;
  if (isObjectType(bare)) return {};
  return { Int: 0, Float: 0, Boolean: false }[bare.name] ?? '';
}

const fieldResolver = (source, _arguments, _context, { fieldName, returnType }) =>
  source?.[fieldName] ?? least(returnType);

const rootField = ({ definitions }) =>
  definitions.find(({ kind }) => kind === 'OperationDefinition').selectionSet.selections[0].name.value;

const cluster = (id) => ({
  id,
  name: id,
  environment: 'prod',
  nodeCount: 3,
  status: { ready: true },
  health: { status: 'HEALTHY', lastContact: new Date().toISOString(), latencyMs: 2 },
  freshness: [{ kind: 'Pod', state: 'LIVE', objects: 1 }],
});

const pod = (id, name) => ({
  __typename: 'Pod',
  id,
  kind: 'Pod',
  name,
  health: { status: 'DEGRADED', reason: 'CrashLoopBackOff' },
  createdAt: new Date().toISOString(),
});

export class FakeServer {
  /** Whether it asks who is calling. */
  authenticates = true;
  /** Whether it shows its schema. */
  introspection = true;
  /** Whether it can tell who is calling. */
  available = true;
  /** Seconds that callers are told to wait; 0 lets them in. */
  waitSeconds = 0;
  /** Seconds that those who subscribe are told to wait; 0 lets them in. */
  waitToSubscribeSeconds = 0;
  /** Token → ids of the clusters that its owner sees. */
  tokens = new Map();
  /** What came: `{authorization, query, url}` of a request, `{init}` of a socket. */
  requests = [];
  inits = [];
  #sockets = new Set();
  #http = createServer((request, response) => this.#answer(request, response));
  #websockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'graphql-transport-ws' });

  async start() {
    this.#http.on('upgrade', (request, socket, head) =>
      this.#websockets.handleUpgrade(request, socket, head, (websocket) => this.#greet(websocket)),
    );
    await new Promise((resolve) => this.#http.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${this.#http.address().port}`;
    return this;
  }

  stop() {
    for (const { websocket } of this.#sockets) websocket.terminate();
    this.#http.closeAllConnections();
    this.#http.close();
  }

  /** The token ends. With `quietly`, sockets that were opened with it stay, as they do for a moment. */
  revoke(token, quietly = false) {
    this.tokens.delete(token);
    if (!quietly) this.closeSockets('the credential is no longer valid; connect again with another');
  }

  closeSockets(reason) {
    for (const { websocket } of this.#sockets) websocket.close(4403, reason);
  }

  /** Whether somebody subscribes to the field. */
  hears(field) {
    const operations = [...this.#sockets].flatMap((socket) => [...socket.operations.values()]);
    return operations.some(({ document }) => rootField(document) === field);
  }

  get openSockets() {
    return [...this.#sockets].filter(({ acknowledged }) => acknowledged).length;
  }

  /** Sends an event to all who subscribed to the field. */
  emit(field, event) {
    for (const { websocket, operations } of this.#sockets) {
      for (const [id, { document, variables }] of operations) {
        if (rootField(document) !== field) continue;
        send(websocket, { id, type: 'next', payload: this.#run(document, variables, { [field]: event }) });
      }
    }
  }

  changePod(name) {
    const resource = pod(`east:shop:${name}`, name);
    this.emit('resourceEvents', {
      type: 'UPDATED',
      timestamp: new Date().toISOString(),
      clusterId: 'east',
      resourceType: 'Pod',
      resource,
    });
  }

  /** Null if the caller is let in. */
  #refusal(authorization) {
    if (!this.authenticates) return null;
    if (!this.available) return { status: 503, close: 1013, code: 'AUTHENTICATION_UNAVAILABLE', message: NOT_NOW };
    if (!authorization) return { status: 401, close: 4403, code: 'UNAUTHENTICATED', message: SAY_WHO };
    if (this.tokens.has(authorization.replace(/^Bearer /, ''))) return null;
    return { status: 401, close: 4403, code: 'UNAUTHENTICATED', message: NOT_VALID };
  }

  #clustersOf(authorization) {
    return this.authenticates ? this.tokens.get(authorization.replace(/^Bearer /, '')) : ['east', 'west'];
  }

  async #answer(request, response) {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { query, variables } = JSON.parse(body);
    const { authorization } = request.headers;
    this.requests.push({ authorization, query, url: request.url, cookie: request.headers.cookie });
    const write = (status, answer, headers = {}) => {
      response.writeHead(status, { 'content-type': 'application/graphql-response+json', ...headers });
      response.end(JSON.stringify(answer));
    };
    const refuse = (status, code, message, more = {}, headers = {}) =>
      write(status, { errors: [{ message, extensions: { code, requestId: 'r-1', ...more } }] }, headers);

    const refusal = this.#refusal(authorization);
    if (refusal?.status === 401)
      return refuse(401, refusal.code, refusal.message, {}, { 'www-authenticate': 'Bearer' });
    if (refusal) return refuse(refusal.status, refusal.code, refusal.message);
    if (this.waitSeconds > 0) {
      const wait = this.waitSeconds;
      return refuse(
        429,
        'RATE_LIMITED',
        'too many requests',
        { retryAfterSeconds: wait },
        { 'retry-after': `${wait}` },
      );
    }
    if (!this.introspection && /\b__(schema|type)\b/.test(query)) {
      return refuse(400, 'INTROSPECTION_DISABLED', 'introspection is off');
    }
    write(200, this.#run(parse(query), variables, this.#root(this.#clustersOf(authorization))));
  }

  #root(ids) {
    const nodes = ids.map((id) => pod(`${id}:shop:cart`, 'cart'));
    const counts = { totalCount: nodes.length, facets: [], nodes, pageInfo: { hasNextPage: false } };
    return { clusters: ids.map(cluster), resources: counts, allPods: nodes };
  }

  #run(document, variableValues, rootValue) {
    return execute({ schema, document, variableValues, rootValue, fieldResolver });
  }

  #greet(websocket) {
    const socket = { websocket, acknowledged: false, operations: new Map() };
    this.#sockets.add(socket);
    websocket.on('close', () => this.#sockets.delete(socket));
    websocket.on('message', (text) => {
      const message = JSON.parse(String(text));
      if (message.type === 'connection_init') this.#connect(socket, message.payload);
      else if (message.type === 'subscribe') this.#subscribe(socket, message);
      else if (message.type === 'complete') socket.operations.delete(message.id);
    });
  }

  #connect(socket, payload) {
    this.inits.push(payload);
    const refusal = this.#refusal(payload?.authorization);
    if (refusal) return socket.websocket.close(refusal.close, refusal.message.slice(0, 120));
    socket.acknowledged = true;
    send(socket.websocket, { type: 'connection_ack' });
  }

  #subscribe({ websocket, acknowledged, operations }, { id, payload }) {
    if (!acknowledged) return websocket.close(4401, 'Unauthorized');
    if (this.waitToSubscribeSeconds > 0) {
      const extensions = { code: 'RATE_LIMITED', retryAfterSeconds: this.waitToSubscribeSeconds };
      return send(websocket, { id, type: 'error', payload: [{ message: 'too many subscriptions', extensions }] });
    }
    operations.set(id, { document: parse(payload.query), variables: payload.variables });
  }
}

const send = (websocket, message) => websocket.send(JSON.stringify(message));
