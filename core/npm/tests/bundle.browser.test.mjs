// The installed package in a bundle, run by headless Chromium.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { test } from 'node:test';
import { chromium } from 'playwright-core';
import { build } from 'vite';
import { Project } from './project.mjs';

test('a bundler finds the module, and the bundle runs', async (t) => {
  const installed = new Project();
  t.after(() => installed.remove());
  const project = installed.folder;
  writeFileSync(join(project, 'index.html'), '<!doctype html><title>bundled</title><link rel="icon" href="data:,"><script type="module" src="main.js"></script>');
  writeFileSync(
    join(project, 'main.js'),
    `import { init, score } from 'recode-reward';
    await init();
    document.body.textContent = score('t</think><answer>\\n\`\`\`python\\nb\\n\`\`\`\\n</answer>', 'b').total;`,
  );
  await build({ root: project, logLevel: 'warn', build: { target: 'es2022' } });
  const assets = readdirSync(join(project, 'dist/assets'));
  assert.ok(assets.some((name) => extname(name) === '.wasm'), assets.join());
  const types = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm' };
  const server = createServer(({ url }, response) => {
    const path = url === '/' ? '/index.html' : url;
    response.writeHead(200, { 'content-type': types[extname(path)] }).end(readFileSync(join(project, 'dist', path)));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => server.close());
  const browser = await chromium.launch({ executablePath: process.env.RECODE_CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
  t.after(() => browser.close());
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await page.getByText('3', { exact: true }).waitFor();
  await page.close();
});
