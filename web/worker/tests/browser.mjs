// A server of the worker's files and of models, and headless Chromium on it.

import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.json': 'application/json', '.wasm': 'application/wasm' };
const FLAGS = [
  '--no-sandbox',
  '--disable-dev-shm-usage',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
// WebGPU without a GPU, by the processor.
export const WEBGPU = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];

export const root = fileURLToPath(new URL('../../../', import.meta.url));
const program = process.env.RECODE_TRAINER ?? `${process.env.CARGO_TARGET_DIR ?? `${root}target`}/release/recode-trainer`;

/** What the native program writes to standard output. */
export function native(...args) {
  return execFileSync(program, args, { encoding: 'utf8', maxBuffer: 2 ** 30, stdio: ['ignore', 'pipe', 'inherit'] });
}

/**
 * Serves the worker's folder under /worker/, an empty page, and what `more` makes of a request's path: a body, a function that answers the
 * request itself, or undefined.
 */
export async function serve(more) {
  const server = createServer(async (request, response) => {
    const path = request.url.split('?')[0];
    try {
      let body = path === '/' ? '<!doctype html><title>a page</title><link rel="icon" href="data:,">' : await more(path);
      if (typeof body === 'function') return await body(request, response);
      body ??= await readFile(new URL(`..${path.replace(/^\/worker/, '')}`, import.meta.url));
      response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'text/html', 'content-length': Buffer.byteLength(body) }).end(body);
    } catch (error) {
      if (error.code !== 'ENOENT') console.error(error);
      response.writeHead(error.code === 'ENOENT' ? 404 : 500).end();
    }
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { origin: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

export function launch(args) {
  return chromium.launch({ executablePath: process.env.RECODE_CHROMIUM, args: [...FLAGS, ...args] });
}

/** A page of the server, whose complaints are kept. */
export async function open(browser, origin) {
  const page = await browser.newPage();
  page.setDefaultTimeout(600_000);
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  await page.goto(origin);
  return { page, complaints };
}
