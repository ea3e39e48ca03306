import { defineConfig } from 'vite';

/** Where the development server finds GraphQL. */
const fleetgraph = process.env.FLEETGRAPH_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  // Relative, so that the page also works below a path of a reverse proxy.
  base: './',
  appType: 'mpa',
  server: { proxy: { '/graphql': { target: fleetgraph, ws: true } } },
  build: {
    target: 'es2022',
    manifest: true,
    // `npm run build` empties it, but for the file that keeps the directory there.
    emptyOutDir: false,
    // The texts that the licences of what is bundled want to be passed on.
    license: { fileName: 'licenses.md' },
    modulePreload: { polyfill: false },
    // A data: URL would need its own exception in the Content-Security-Policy.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 8000,
    reportCompressedSize: false,
    rollupOptions: {
      input: ['index.html', 'explorer.html'],
      // "use client" is for servers, which have no part in this.
      onwarn: (warning, warn) => warning.code === 'MODULE_LEVEL_DIRECTIVE' || warn(warning),
    },
  },
  worker: { format: 'es' },
  test: { include: ['test/**/*.test.ts'] },
} as Parameters<typeof defineConfig>[0]);
