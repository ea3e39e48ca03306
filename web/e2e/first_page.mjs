// Drives the first page of a running fleetgraph with a real browser, as a person would.
//
//   FLEETGRAPH_URL=http://127.0.0.1:8080 npm run e2e
//
//   FLEETGRAPH_URL             a fleetgraph with at least one cluster and something broken in it
//   FLEETGRAPH_E2E_KUBECONFIG  a kubeconfig of its clusters, with which a pod is made to fail; else that part is left out
//   FLEETGRAPH_E2E_CONTEXT     the context in it, which must be the cluster's id; its first if missing
//   FLEETGRAPH_E2E_DIST        serve web/dist in front of FLEETGRAPH_URL, for a program that doesn't have the page
//   KUBECTL, CHROMIUM          programs; from PATH, and /usr/bin/chromium, if missing
//   OUTPUT                     where screenshots go; test-output if missing

import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Browser } from './browser.mjs';
import { kubectl } from './kubectl.mjs';
import { serve } from './serve.mjs';
import { suite } from './suite.mjs';

const fleetgraph = process.env.FLEETGRAPH_URL ?? 'http://127.0.0.1:8080';
const output = process.env.OUTPUT ?? fileURLToPath(new URL('../test-output/', import.meta.url));
mkdirSync(output, { recursive: true });
for (const file of readdirSync(output)) if (file.endsWith('.png')) rmSync(join(output, file));

const front = process.env.FLEETGRAPH_E2E_DIST ? await serve(fleetgraph) : { url: fleetgraph, stop: () => {} };
const browser = await Browser.launch({ base: front.url, output });
const { test, end } = suite(browser);

/** How long something live may take to be seen. */
const LIVE = 15_000;

/** No node fits it, so that no kubelet changes what is written into its status. */
function crashingPod(name) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels: { app: 'e2e' } },
    spec: {
      nodeSelector: { 'fleetgraph.dev/e2e': 'nowhere' },
      containers: [{ name: 'app', image: 'registry.example.com/e2e:1' }],
    },
  };
}

const CRASHED = {
  phase: 'Running',
  containerStatuses: [
    {
      name: 'app',
      image: 'registry.example.com/e2e:1',
      imageID: '',
      ready: false,
      restartCount: 7,
      state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 5m0s restarting failed container' } },
      lastState: { terminated: { exitCode: 1, reason: 'Error' } },
    },
  ],
};

async function graphql(query) {
  const response = await fetch(new URL('/graphql', fleetgraph), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  });
  return (await response.json()).data;
}

const { page } = browser;
const { clusters } = await graphql('{ clusters { id } }');

/** A pod that is broken now: where rollouts go on, it may be another one in a minute. */
async function brokenPod() {
  const { resources } = await graphql(`{
    resources(first: 1, filter: {health: [DEGRADED], kinds: ["pods"]}) { nodes { id name health { reason } } }
  }`);
  if (resources.nodes.length === 0) throw new Error('no pod is broken in this fleet');
  return resources.nodes[0];
}

await test('the page loads and shows every cluster', async () => {
  await browser.open('#/');
  for (const { id } of clusters.slice(0, 20)) await page.getByRole('link', { name: id, exact: true }).waitFor();
  await page.getByRole('status').filter({ hasText: 'Live' }).waitFor();
});

await test('a cluster shows its control plane and the freshness of each kind', async () => {
  await browser.open('#/');
  await page.getByRole('link', { name: clusters[0].id, exact: true }).click();
  await page.getByRole('heading', { level: 1, name: clusters[0].id }).waitFor();
  await page.getByRole('row', { name: /^Pod Live/ }).waitFor();
});

await test('what is broken is shown with its reason, and leads to its page', async () => {
  const broken = await brokenPod();
  await browser.open('#/broken?health=DEGRADED');
  await page.getByText(broken.health.reason).first().waitFor();
  await page
    .getByRole('button', { name: /below$/ })
    .first()
    .click();
  await page.locator('tr.member a').first().click();
  await page.getByRole('heading', { name: 'YAML' }).waitFor();
});

await test('the keys / and Ctrl-K open the search, which finds an object as it is typed', async () => {
  await browser.open('#/');
  await page.getByRole('status').filter({ hasText: 'Live' }).waitFor();
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox', { name: 'Search objects' }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('combobox', { name: 'Search objects' }).waitFor({ state: 'detached' });
  await page.keyboard.press('/');
  const broken = await brokenPod();
  await page.getByRole('combobox', { name: 'Search objects' }).pressSequentially(broken.name, { delay: 15 });
  // Other clusters may have pods of its name.
  await page
    .getByRole('option', { name: new RegExp(`Pod ${broken.name}`) })
    .first()
    .waitFor();
  await browser.screenshot('search');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: broken.name }).waitFor();
});

await test('the relations are drawn, can be walked by keys, and can be read as a list', async () => {
  const pod = (await graphql('{ allPods(filter: {ready: true}, limit: 1) { id } }')).allPods[0];
  await browser.open(`#/object/pods/${pod.id}`);
  const graph = page.getByRole('region', { name: /Relations as a graph/ });
  await graph.getByRole('link', { name: /^Node/ }).first().waitFor();
  await graph.locator('a.root').focus();
  await page.keyboard.press('ArrowRight');
  const focused = await page.evaluate(() => document.activeElement?.getAttribute('data-box'));
  if (!focused || focused.includes(pod.id)) throw new Error(`the arrow key went to ${focused}`);
  await page.getByRole('button', { name: 'As a list' }).click();
  await page.getByRole('cell', { name: 'runs on' }).waitFor();
});

await test('many alike are opened and folded without losing the place of the keyboard', async () => {
  const { allDeployments } = await graphql('{ allDeployments(limit: 1000) { id readyReplicas } }');
  const [largest] = allDeployments.sort((one, other) => other.readyReplicas - one.readyReplicas);
  await browser.open(`#/object/deployments.apps/${largest.id}`);
  const graph = page.getByRole('region', { name: /Relations as a graph/ });
  const group = graph.getByRole('button', { name: /Open to see each/ }).first();
  await group.focus();
  await page.keyboard.press('Enter');
  const focused = await page.waitForFunction(() => document.activeElement?.getAttribute('data-box'));
  const box = await focused.jsonValue();
  if (box.startsWith('group ')) throw new Error(`the keyboard is at ${box}`);
  await page.getByRole('button', { name: 'Fold what is alike again' }).focus();
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.activeElement?.classList.contains('graph-frame'));
});

if (process.env.FLEETGRAPH_E2E_KUBECONFIG) {
  const cluster = process.env.FLEETGRAPH_E2E_CONTEXT ?? clusters[0].id;
  const kube = kubectl(process.env.FLEETGRAPH_E2E_KUBECONFIG, cluster);
  const name = `e2e-crash-${Date.now().toString(36)}`;
  try {
    await test('a pod that crashes is seen among what is broken, without a reload', async () => {
      await browser.open(`#/broken?cluster=${cluster}&namespace=default`);
      await page.getByRole('heading', { name: 'Broken now' }).waitFor();
      await page.waitForTimeout(1_000);
      kube.create(crashingPod(name));
      kube.patchStatus(name, CRASHED);
      const row = page.getByRole('row').filter({ hasText: name });
      await row.filter({ hasText: 'CrashLoopBackOff' }).waitFor({ timeout: LIVE });
      await browser.screenshot('crashed');
    });

    await test('the changes show it too, can be paused, and go on', async () => {
      await browser.open(`#/changes?cluster=${cluster}&namespace=default&kind=pods`);
      await page.getByText('Listening.').waitFor();
      await page.getByRole('status').filter({ hasText: 'Live' }).waitFor();
      await page.waitForTimeout(500);
      kube.label(name, 'round=1');
      await page.getByRole('row').filter({ hasText: name }).filter({ hasText: 'updated' }).waitFor({ timeout: LIVE });
      await page.getByRole('button', { name: 'Pause' }).click();
      kube.label(name, 'round=2');
      await page.getByRole('button', { name: /Continue \([1-9]/ }).click({ timeout: LIVE });
      await page.getByRole('button', { name: 'Pause' }).waitFor();
    });

    await test('its page says why, follows what changes, and says when it is gone', async () => {
      await browser.open(`#/object/pods/${cluster}:default:${name}`);
      await page.getByRole('row').filter({ hasText: 'CrashLoopBackOff' }).filter({ hasText: '7' }).waitFor();
      kube.label(name, 'round=3');
      await page
        .getByRole('region', { name: 'Labels' })
        .getByRole('link', { name: '3', exact: true })
        .waitFor({ timeout: LIVE });
      kube.delete(name);
      await page.getByText(/It is gone since/).waitFor({ timeout: LIVE });
    });
  } finally {
    kube.delete(name);
  }
}

await test('the explorer runs a query and a subscription', async () => {
  await browser.open('explorer.html');
  const run = page.getByRole('button', { name: /Execute query/ });
  const response = page.locator('.graphiql-response');
  await page.locator('.graphiql-query-editor .view-line').first().waitFor();
  // As below: the editor is there a moment before GraphiQL knows what is in it.
  await page.waitForTimeout(1_500);
  await run.click();
  await response.getByText(`"${clusters[0].id}"`).first().waitFor();
  await page.getByRole('button', { name: 'PodChanges', exact: true }).click();
  // GraphiQL learns the names of a tab's operations a moment after it is shown; no hand is faster than that.
  await page.waitForTimeout(1_500);
  await run.click();
  await response.getByText('"podEvents"').first().waitFor({ timeout: 60_000 });
  await page.getByRole('button', { name: /Stop query/ }).click();
});

const worst = await graphql(`{
  resources(first: 1, filter: {kinds: ["deployments"]}, orderBy: {field: HEALTH, direction: DESC}) { nodes { id } }
}`);
const VIEWS = {
  fleet: '#/',
  broken: '#/broken',
  changes: '#/changes',
  objects: '#/objects',
  cluster: `#/cluster/${clusters[0].id}`,
  object: `#/object/deployments.apps/${worst.resources.nodes[0]?.id}`,
};

for (const theme of ['light', 'dark']) {
  for (const [name, path] of Object.entries({ ...VIEWS, explorer: 'explorer.html' })) {
    await test(`${name} is accessible, ${theme}`, async () => {
      await browser.look({ theme, width: 1360 });
      await browser.open(path);
      await browser.settle();
      await browser.screenshot(`${name}-${theme}`);
      await browser.assertAccessible(name === 'explorer' ? ['.monaco-editor'] : []);
    });
  }
}

for (const [name, path] of Object.entries(VIEWS)) {
  await test(`${name} fits a screen of 360 pixels`, async () => {
    await browser.look({ theme: 'light', width: 360 });
    await browser.open(path);
    await browser.settle();
    await browser.screenshot(`${name}-360`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wide > 0) throw new Error(`it is ${wide} pixels too wide`);
    await browser.assertAccessible();
  });
}

await test('a lost connection is said, and found again', async () => {
  await browser.look({ theme: 'light', width: 1360 });
  await browser.open('#/');
  await page.getByRole('status').filter({ hasText: 'Live' }).waitFor();
  await page.context().setOffline(true);
  await page.getByText('The server can’t be reached.').waitFor({ timeout: 20_000 });
  await browser.screenshot('offline');
  await page.getByRole('link', { name: clusters[0].id, exact: true }).waitFor();
  await page.context().setOffline(false);
  await page.getByText('The server can’t be reached.').waitFor({ state: 'detached', timeout: 40_000 });
  // What the browser itself says of requests that could not be made is no fault of the page.
  browser.forgetNoise();
});

await browser.close();
front.stop();
process.exit(end(output));
