// Serves dist/ as the program does, with its policy for each page, and passes /graphql on to a running fleetgraph.
//
//   FLEETGRAPH_URL=http://127.0.0.1:8080 node e2e/serve.mjs [port]

import { existsSync, readFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { connect } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const DIST = fileURLToPath(new URL('../dist/', import.meta.url));

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.ttf': 'font/ttf',
  '.md': 'text/markdown; charset=utf-8',
};

const policy = (style, more = []) =>
  [
    "default-src 'none'",
    "script-src 'self'",
    style,
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    ...more,
  ].join('; ');

/** The editor of the explorer writes style elements and attributes, has a font for its icons, and uses workers. */
const POLICIES = {
  '/index.html': policy("style-src 'self'"),
  '/explorer.html': policy("style-src 'self' 'unsafe-inline'", ["font-src 'self'", "worker-src 'self'"]),
};

function serveFile(path, response) {
  const file = join(DIST, normalize(path));
  if (!file.startsWith(DIST) || !existsSync(file)) {
    response.writeHead(404).end();
    return;
  }
  const headers = {
    'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
    'cache-control': path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
    'x-content-type-options': 'nosniff',
  };
  const csp = POLICIES[path];
  if (csp) headers['content-security-policy'] = csp;
  response.writeHead(200, headers).end(readFileSync(file));
}

/** Starts on `port`, or on any free one, and gives the address and a way to stop. */
export function serve(fleetgraph, port = 0) {
  const target = new URL(fleetgraph);
  const server = createServer((incoming, response) => {
    const { pathname } = new URL(incoming.url, 'http://localhost');
    if (pathname !== '/graphql') {
      serveFile(pathname === '/' ? '/index.html' : pathname, response);
      return;
    }
    const { method, headers } = incoming;
    const passed = request(
      { host: target.hostname, port: target.port, path: incoming.url, method, headers },
      (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
      },
    );
    passed.on('error', () => response.headersSent || response.writeHead(502).end());
    response.on('close', () => passed.destroy());
    incoming.pipe(passed);
  });
  server.on('upgrade', (incoming, socket, head) => {
    const upstream = connect(Number(target.port), target.hostname, () => {
      const lines = incoming.rawHeaders.flatMap((value, index, all) =>
        index % 2 ? [] : [`${value}: ${all[index + 1]}`],
      );
      upstream.write(`${incoming.method} ${incoming.url} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
      upstream.write(head);
      upstream.pipe(socket).pipe(upstream);
    });
    for (const [one, other] of [
      [socket, upstream],
      [upstream, socket],
    ]) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  });
  return new Promise((resolve) => {
    server.listen(port, '127.0.0.1', () => {
      const stop = () => {
        server.closeAllConnections();
        server.close();
      };
      resolve({ url: `http://127.0.0.1:${server.address().port}`, stop });
    });
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await serve(process.env.FLEETGRAPH_URL ?? 'http://127.0.0.1:8080', Number(process.argv[2] ?? 0));
  console.log(url);
}
