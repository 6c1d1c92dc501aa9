// A server of the built page, as any static one would be, and headless Chromium on it, there while the tests of a file run.

import { mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { extname } from 'node:path';
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.wasm': 'application/wasm', '.jsonl': 'application/jsonl', '.json': 'application/json', '.safetensors': 'application/octet-stream' };
const FLAGS = [
  '--no-sandbox',
  '--disable-dev-shm-usage',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** axe-core, for pages to be looked at with. */
export const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
/** The program. */
export const TRAINER = process.env.RECODE_TRAINER ?? `${process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL('../../target', import.meta.url))}/release/recode-trainer`;
/** Where screenshots go. */
export const SCREENSHOTS = fileURLToPath(new URL('../screenshots/', import.meta.url));

export let server;
export let browser;

before(async () => {
  mkdirSync(SCREENSHOTS, { recursive: true });
  server = await serve();
  browser = await chromium.launch({ executablePath: process.env.RECODE_CHROMIUM, args: FLAGS });
});

after(async () => {
  await browser?.close();
  server?.close();
});

/** Serves web/dist below a folder, as a project's pages are; `asked` lists what was asked for and how many bytes went out. */
async function serve() {
  const asked = [];
  const server = createServer(async (request, response) => {
    const path = request.url.split('?')[0].replace(/^\/recode\/$/, '/recode/index.html');
    try {
      if (!path.startsWith('/recode/')) throw Object.assign(new Error(path), { code: 'ENOENT' });
      const file = new URL(`../dist/${path.slice('/recode/'.length)}`, import.meta.url);
      const encoding = path.endsWith('.safetensors') ? {} : { 'content-encoding': 'br' };
      const body = await readFile(path.endsWith('.safetensors') ? file : new URL(`${file}.br`));
      asked.push({ path, bytes: body.length });
      response.writeHead(200, { 'content-type': TYPES[extname(path)], ...encoding, 'content-length': body.length }).end(body);
    } catch (error) {
      asked.push({ path, bytes: 0 });
      response.writeHead(error.code === 'ENOENT' ? 404 : 500).end();
    }
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { origin: `http://127.0.0.1:${server.address().port}/recode/`, asked, close: () => server.close() };
}

/** Where the program serves the page, as soon as it says so. */
export function addressOf(playground) {
  return new Promise((done, failed) => {
    let said = '';
    playground.stderr.on('data', (data) => {
      said += data;
      const address = said.match(/http:\/\/127\.0\.0\.1:\d+\//);
      if (address) done(address[0]);
    });
    playground.on('exit', (code) => failed(new Error(`it ended with ${code}: ${said}`)));
  });
}

/** The page at `hash`, with the first score on it where it is one that scores; `complaints` are the browser's, violations of the page's policy among them. */
export async function open({ hash = '', editors = true, score = true, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  if (!editors) await page.route('**/editor.js', (route) => route.abort());
  await page.goto(`${server.origin}${hash}`);
  if (score) {
    await page.getByTestId('total').waitFor();
    await settled(page);
  }
  if (editors) await page.locator('.cm-content').nth(3).waitFor();
  return { page, context, complaints };
}

/** The details have followed the last keystroke. */
export async function settled(page) {
  await page.locator('[data-testid="results"][aria-busy="false"]').waitFor();
}

/** The text field of that name, editor or textarea. */
export function field(page, name) {
  return page.getByTestId(`field-${name}`).getByRole('textbox');
}

/** A completion in the asked-for form. */
export function answer(code, thinking = 'It is gone.') {
  return `${thinking}</think>\n<answer>\n\`\`\`python\n${code}\n\`\`\`\n</answer>`;
}

/** The address of a case. */
export function link(fields) {
  const query = Object.entries(fields).map(([name, text]) => `${name}=${encodeURIComponent(text)}`);
  return `#/score?${query.join('&')}`;
}
