// Drives the page with a real browser against a server that asks who is calling: e2e/fake_server.mjs, in front of which
// dist/ is served as by the program.
//
//   npm run build && npm run e2e:sign-in
//
//   CHROMIUM   /usr/bin/chromium if missing
//   OUTPUT     where screenshots go; test-output if missing

import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Browser } from './browser.mjs';
import { FakeServer } from './fake_server.mjs';
import { serve } from './serve.mjs';
import { suite } from './suite.mjs';

const output = process.env.OUTPUT ?? fileURLToPath(new URL('../test-output/', import.meta.url));
mkdirSync(output, { recursive: true });
for (const file of readdirSync(output)) if (file.endsWith('.png')) rmSync(join(output, file));

const server = await new FakeServer().start();
const front = await serve(server.url);
const browser = await Browser.launch({ base: front.url, output });
const { test, end } = suite(browser);
const { page } = browser;

// A status above 400 is the browser's noise: the page must deal with it.
const REFUSED = [/\b401\b/];
const LATER = [/\b(429|503)\b/];

const jwt = (sub) => {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none' })}.${part({ iss: 'https://issuer.example.com', sub })}.${part(sub)}`;
};

const field = page.getByLabel('Token', { exact: true });
const dialog = page.getByRole('dialog');
const status = (text) => page.getByRole('status').filter({ hasText: text });
const east = page.getByRole('link', { name: 'east', exact: true });

async function signIn(token, { keep = false } = {}) {
  await field.fill(token);
  if (keep) await page.getByLabel('Keep for this tab').check();
  await page.keyboard.press('Enter');
}

/** Opens a view as somebody who must sign in first. */
async function openSignedIn(path, token) {
  server.tokens.set(token, server.tokens.get(token) ?? ['east', 'west']);
  await browser.open(path);
  await signIn(token);
  await field.waitFor({ state: 'detached' });
}

/** Everything that the browser keeps, and shows others. */
const kept = () =>
  page.evaluate(() => ({
    local: JSON.stringify(localStorage),
    session: JSON.stringify(sessionStorage),
    cookie: document.cookie,
    address: location.href,
  }));

function expect(holds, what) {
  if (!holds) throw new Error(what);
}

/** Waits for what is not on the page. */
async function eventually(holds, what) {
  const deadline = Date.now() + 20_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(what);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

await test('a server that does not ask is answered without a word of tokens', async () => {
  server.authenticates = false;
  await browser.open('#/');
  await east.waitFor();
  await status('Live').waitFor();
  expect(
    server.requests.every(({ authorization }) => authorization === undefined),
    'a request carried a token',
  );
  expect(
    server.inits.every((init) => init === undefined),
    'connection_init carried something',
  );
  expect((await page.getByRole('button', { name: 'Sign out' }).count()) === 0, 'it offers to sign out');
  expect((await field.count()) === 0, 'it asks for a token');
  server.authenticates = true;
});

await test(
  'whoever has no token is asked for one, and the server is left alone meanwhile',
  async () => {
    await browser.open('#/');
    await page.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor();
    expect((await field.getAttribute('type')) === 'password', 'the token can be read from the screen');
    expect((await field.getAttribute('autocomplete')) === 'off', 'the browser may keep the token');
    await eventually(
      () => field.evaluate((element) => element === document.activeElement),
      'the keyboard is elsewhere',
    );
    await browser.screenshot('sign-in');
    const asked = server.requests.length;
    // Longer than the fleet's own polls are apart.
    await page.waitForTimeout(7_000);
    expect(server.requests.length === asked, 'it goes on asking');
  },
  REFUSED,
);

await test(
  'what is no token is not sent, and what the server does not accept is said',
  async () => {
    const asked = server.requests.length;
    await signIn('a token with blanks');
    await page.getByRole('alert').filter({ hasText: 'This is not a token' }).waitFor();
    expect(server.requests.length === asked, 'it was sent');
    await signIn('fgt_unknown');
    await page.getByRole('alert').filter({ hasText: 'does not accept this token' }).waitFor();
    expect((await field.getAttribute('aria-invalid')) === 'true', 'the field is not marked');
    await browser.screenshot('not-accepted');
  },
  REFUSED,
);

await test('a token opens the page, goes with all that is sent, and is nowhere else', async () => {
  server.tokens.set('fgt_alice', ['east', 'west']);
  server.requests = [];
  server.inits = [];
  await signIn('{"kind": "ExecCredential", "status": {"token": "fgt_alice"}}');
  await east.waitFor();
  await status('Live').waitFor();
  expect(
    server.requests.length > 0 && server.requests.every((request) => request.authorization === 'Bearer fgt_alice'),
    'a request lacks the token',
  );
  expect(
    server.inits.length === 1 && JSON.stringify(server.inits[0]) === '{"authorization":"Bearer fgt_alice"}',
    `connection_init held ${JSON.stringify(server.inits)}`,
  );
  const everything = JSON.stringify([await kept(), server.requests.map(({ url, cookie }) => [url, cookie])]);
  expect(!everything.includes('fgt_'), `the token is in ${everything}`);
});

await test(
  'it is forgotten with the page, unless it is kept for the tab',
  async () => {
    await page.reload();
    await signIn('fgt_alice', { keep: true });
    await east.waitFor();
    const { session, ...elsewhere } = await kept();
    expect(session.includes('fgt_alice'), 'it was not kept');
    expect(!JSON.stringify(elsewhere).includes('fgt_'), 'it was kept elsewhere too');
    server.requests = [];
    await page.reload();
    await east.waitFor();
    expect(
      server.requests.every(({ authorization }) => authorization === 'Bearer fgt_alice'),
      'after a reload it asked without the token',
    );
  },
  REFUSED,
);

await test(
  'whoever signs out is forgotten, with what was shown',
  async () => {
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { level: 1, name: 'You are signed out' }).waitFor();
    expect((await east.count()) === 0, 'a cluster is still shown');
    expect((await kept()).session === '{}', 'the token is still kept');
    await eventually(() => server.openSockets === 0, 'the socket is still open');
    await page.keyboard.press('/');
    expect((await page.getByRole('combobox').count()) === 0, 'the search opens');
    await page.reload();
    await page.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor();
  },
  REFUSED,
);

await test(
  'a token that was kept and has ended is asked for again',
  async () => {
    await signIn('fgt_alice', { keep: true });
    await east.waitFor();
    server.revoke('fgt_alice');
    await page.reload();
    await page.getByRole('heading', { level: 1, name: 'Your token is no longer accepted' }).waitFor();
    expect((await kept()).session === '{}', 'the token is still kept');
  },
  REFUSED,
);

await test(
  'a token that ends is asked for again over what is shown, and live updates go on',
  async () => {
    await openSignedIn('#/changes?cluster=east', 'fgt_bob');
    await page.getByText('Listening.').waitFor();
    await status('Live').waitFor();
    await eventually(() => server.hears('resourceEvents'), 'it does not listen');
    server.changePod('before');
    await page.getByRole('row').filter({ hasText: 'before' }).waitFor();

    server.revoke('fgt_bob');
    await dialog.getByRole('heading', { name: 'Your token is no longer accepted' }).waitFor();
    expect(await field.evaluate((element) => element === document.activeElement), 'the keyboard is elsewhere');
    await browser.screenshot('ended');
    await browser.assertAccessible();

    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await status('You are not signed in any more.').waitFor();
    await browser.screenshot('put-off');
    await page.getByRole('row').filter({ hasText: 'before' }).waitFor();
    await page.getByRole('banner').getByRole('button', { name: 'Sign in' }).click();

    server.tokens.set('fgt_bob2', ['east', 'west']);
    await signIn('fgt_bob2');
    await dialog.waitFor({ state: 'detached' });
    await status('Live').waitFor();
    await eventually(() => server.hears('resourceEvents'), 'it does not listen');
    server.changePod('after');
    await page.getByRole('row').filter({ hasText: 'after' }).waitFor();
    await page.getByText(/Nothing was heard for/).waitFor();
    await page.getByRole('row').filter({ hasText: 'before' }).waitFor();
    expect(page.url().endsWith('#/changes?cluster=east'), `the address is ${page.url()}`);
  },
  REFUSED,
);

await test(
  'a request that is refused asks again too, and ends the socket of the old token',
  async () => {
    await openSignedIn('#/', 'fgt_carol');
    await east.waitFor();
    await status('Live').waitFor();
    await eventually(() => server.openSockets === 1, 'no socket');
    server.revoke('fgt_carol', true);
    await dialog.waitFor();
    await eventually(() => server.openSockets === 0, 'the socket of the old token is still open');
    server.tokens.set('fgt_carol2', ['east', 'west', 'north']);
    await signIn('fgt_carol2');
    await page.getByRole('link', { name: 'north', exact: true }).waitFor();
    await status('Live').waitFor();
  },
  REFUSED,
);

await test(
  'a caller of whom only the groups have changed is not asked',
  async () => {
    await openSignedIn('#/', 'fgt_dave');
    await status('Live').waitFor();
    await eventually(() => server.openSockets === 1, 'no socket');
    server.inits = [];
    server.closeSockets('what the credential says of its owner has changed; connect again');
    await eventually(() => server.inits.length === 1 && server.openSockets === 1, 'it did not connect again');
    await status('Live').waitFor();
    expect((await field.count()) === 0, 'it asks for a token');
  },
  REFUSED,
);

await test(
  'what was shown to one person is not shown to another',
  async () => {
    await openSignedIn('#/changes', jwt('erin'));
    await page.getByText('Listening.').waitFor();
    await eventually(() => server.hears('resourceEvents'), 'it does not listen');
    server.changePod('secret-project');
    const row = page.getByRole('row').filter({ hasText: 'secret-project' });
    await row.waitFor();
    server.revoke(jwt('erin'));
    server.tokens.set(jwt('frank'), ['east']);
    await signIn(jwt('frank'));
    await dialog.waitFor({ state: 'detached' });
    await page.getByText('Listening.').waitFor();
    expect((await row.count()) === 0, 'it is still shown');
  },
  REFUSED,
);

await test('a server that asks for fewer requests is left alone for the time that it says', async () => {
  await openSignedIn('#/', 'fgt_grace');
  await east.waitFor();
  server.waitSeconds = 3;
  await status('The server asks for fewer requests.').waitFor();
  const refused = server.requests.length;
  const since = Date.now();
  await browser.screenshot('held-back');
  await east.waitFor();
  server.waitSeconds = 0;
  await eventually(() => server.requests.length > refused, 'it never asked again');
  expect(Date.now() - since > 2_000, `it asked again after ${Date.now() - since} ms`);
  await status('The server asks for fewer requests.').waitFor({ state: 'detached' });
}, [...REFUSED, ...LATER]);

await test(
  'subscriptions that are too many are asked for again',
  async () => {
    server.waitToSubscribeSeconds = 1;
    await openSignedIn('#/changes', 'fgt_heidi');
    await page.getByText('too many subscriptions').waitFor();
    server.waitToSubscribeSeconds = 0;
    const row = page.getByRole('row').filter({ hasText: 'at-last' });
    for (let times = 0; times < 40 && (await row.count()) === 0; times += 1) {
      server.changePod('at-last');
      await page.waitForTimeout(250);
    }
    await row.first().waitFor();
    expect((await page.getByText('too many subscriptions').count()) === 0, 'it still says that it was refused');
  },
  REFUSED,
);

await test('a server that can’t tell now who is calling is asked again', async () => {
  await openSignedIn('#/', 'fgt_ivan');
  await east.waitFor();
  server.available = false;
  server.closeSockets('');
  await page.getByText('The server can’t tell now who you are.').waitFor();
  await status('Disconnected').waitFor();
  expect((await field.count()) === 0, 'it asks for a token');
  server.available = true;
  await page.getByText('The server can’t tell now who you are.').waitFor({ state: 'detached', timeout: 40_000 });
  await status('Live').waitFor({ timeout: 40_000 });
}, [...REFUSED, ...LATER]);

await test('so is one that can’t tell while somebody signs in', async () => {
  server.tokens.set('fgt_judy', ['east']);
  await browser.open('#/');
  await field.waitFor();
  server.available = false;
  await signIn('fgt_judy');
  await status('The server can’t tell now who you are.').waitFor();
  await browser.screenshot('waiting');
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.getByRole('button', { name: 'Stop' }).waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Sign in' }).click();
  await status('The server can’t tell now who you are.').waitFor();
  server.available = true;
  await east.waitFor({ timeout: 40_000 });
}, [...REFUSED, ...LATER]);

await test(
  'a caller who sees no cluster is told so, whichever view is opened, until one is shown',
  async () => {
    server.tokens.set('fgt_kim', []);
    await openSignedIn('#/', 'fgt_kim');
    const said = page.getByText('You are signed in, but no cluster’s rules show you anything.');
    await said.waitFor();
    expect((await page.getByRole('table').count()) === 0, 'there is an empty table');
    await browser.screenshot('no-cluster');
    await browser.assertAccessible();
    await page.getByRole('link', { name: 'Broken now' }).click();
    await said.waitFor();
    expect((await page.getByText('Nothing that matches is broken.').count()) === 0, 'it says that all is well');
    server.tokens.set('fgt_kim', ['east']);
    await page.getByRole('heading', { name: 'Broken now' }).waitFor({ timeout: 40_000 });
    await page.getByText('CrashLoopBackOff').waitFor();
  },
  REFUSED,
);

const editor = page.locator('.graphiql-query-editor .view-line').first();
const response = page.locator('.graphiql-response');
const run = page.getByRole('button', { name: /Execute query/ });

/** GraphiQL learns what is in its editor a moment after that is shown; no hand is faster than that. */
async function editorIsReady() {
  await editor.waitFor();
  await page.waitForTimeout(1_500);
}

await test(
  'the explorer asks too, runs what is asked, and shows the schema',
  async () => {
    server.tokens.set('fgt_leo', ['east']);
    server.requests = [];
    server.inits = [];
    await browser.open('explorer.html');
    await dialog.getByRole('heading', { name: 'Sign in' }).waitFor();
    await browser.screenshot('explorer-sign-in');
    await browser.assertAccessible(['.monaco-editor']);

    await page.getByRole('button', { name: 'Not now' }).click();
    await status('Sign in to see the schema').waitFor();
    await editorIsReady();
    await run.click();
    await dialog.waitFor();
    await signIn('fgt_leo');
    await dialog.waitFor({ state: 'detached' });
    await response.getByText('"east"').first().waitFor();
    await status('Sign in to see the schema').waitFor({ state: 'detached' });

    await page.getByRole('button', { name: 'PodChanges', exact: true }).click();
    await editorIsReady();
    await run.click();
    await eventually(() => server.hears('podEvents'), 'it does not listen');
    expect(server.inits.at(-1)?.authorization === 'Bearer fgt_leo', 'connection_init lacks the token');
    server.emit('podEvents', { type: 'UPDATED', pod: { id: 'east:shop:cart', phase: 'Running' } });
    await response.getByText('"podEvents"').first().waitFor();
    await page.getByRole('button', { name: /Stop query/ }).click();

    await page.getByRole('button', { name: 'Documentation Explorer' }).click();
    await page.getByRole('button', { name: 'Query', exact: true }).or(page.getByText('Root Types')).first().waitFor();
    const everything = JSON.stringify(await kept());
    expect(!everything.includes('fgt_'), 'the token is in the browser’s storage');
  },
  REFUSED,
);

await test(
  'the explorer keeps nothing of who signs out',
  async () => {
    await page.getByRole('button', { name: 'Sign out' }).click();
    await dialog.getByRole('heading', { name: 'Sign in' }).waitFor();
    expect((await page.getByText('"podEvents"').count()) === 0, 'the last result is still shown');
  },
  REFUSED,
);

await test('without introspection the explorer is an editor that says how to turn it on', async () => {
  server.introspection = false;
  await openSignedIn('explorer.html', 'fgt_mia');
  await status('limits.introspection: true').waitFor();
  await editorIsReady();
  await page
    .getByRole('button', { name: /^Fleet/ })
    .first()
    .click();
  await editorIsReady();
  await run.click();
  await response.getByText('"east"').first().waitFor();
  await browser.screenshot('explorer-no-schema');
  await browser.assertAccessible(['.monaco-editor']);

  server.inits = [];
  await page.getByRole('button', { name: 'PodChanges', exact: true }).click();
  await editorIsReady();
  await run.click();
  await eventually(() => server.openSockets === 1, 'the subscription did not go to the socket');
  await page.waitForTimeout(300);
  server.emit('podEvents', { type: 'UPDATED', pod: { id: 'east:shop:cart', phase: 'Running' } });
  await response.getByText('"podEvents"').first().waitFor();
  await page.getByRole('button', { name: /Stop query/ }).click();

  server.introspection = true;
  await page.getByRole('button', { name: /Re-fetch/ }).click();
  await status('limits.introspection: true').waitFor({ state: 'detached' });
}, [...REFUSED, /\b400\b/]);

for (const theme of ['light', 'dark']) {
  for (const width of [1360, 360]) {
    await test(
      `the question is accessible and fits, ${theme}, ${width} pixels`,
      async () => {
        await browser.look({ theme, width });
        await browser.open('#/');
        await field.waitFor();
        await browser.screenshot(`sign-in-${theme}-${width}`);
        await browser.assertAccessible();
        await openSignedIn('#/', 'fgt_nina');
        await east.first().waitFor();
        await browser.screenshot(`signed-in-${theme}-${width}`);
        await browser.assertAccessible();
        const wide = await page.evaluate(
          () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
        expect(wide <= 0, `it is ${wide} pixels too wide`);
        server.revoke('fgt_nina');
        await dialog.waitFor();
        await browser.screenshot(`ended-${theme}-${width}`);
        await browser.assertAccessible();
      },
      REFUSED,
    );
  }
}

await browser.close();
front.stop();
server.stop();
process.exit(end(output));
