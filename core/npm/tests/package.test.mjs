// The package as people get it: packed, installed into an empty project, type-checked, run.

import assert from 'node:assert/strict';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Project, root } from './project.mjs';

let installed;
let project;
let packed;
const run = (command, args) => installed.run(command, args);

before(() => {
  installed = new Project();
  ({ folder: project, packed } = installed);
});

after(() => installed?.remove());

test('the package holds what it needs and nothing else', () => {
  assert.deepEqual(packed.files.map(({ path }) => path).sort(), [
    'LICENSE-APACHE',
    'LICENSE-MIT',
    'LICENSE-UNICODE',
    'README.md',
    'examples/grader.html',
    'examples/server.mjs',
    'index.d.ts',
    'package.json',
    'src/api.js',
    'src/arguments.js',
    'src/browser.js',
    'src/instance.js',
    'src/node.js',
    'wasm/reward.js',
    'wasm/reward_bg.wasm',
  ]);
});

test('the package is at most 700 KB', (t) => {
  t.diagnostic(`${packed.size} bytes packed, ${packed.unpackedSize} unpacked`);
  assert.ok(packed.size <= 700_000, `${packed.size} bytes`);
});

test('the lock file names no place that packages were downloaded from', () => {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  for (const [name, { resolved }] of Object.entries(packages)) assert.equal(resolved, undefined, name);
});

// With the libraries of a browser, and with Node's types alone.
for (const [entry, settings] of [
  ['node.ts', { module: 'node20', types: ['node'], lib: ['es2022'] }],
  ['node.ts', { module: 'esnext', moduleResolution: 'bundler', types: [], lib: ['es2022', 'dom'] }],
  ['bundler.ts', { module: 'esnext', moduleResolution: 'bundler', types: [], lib: ['es2022', 'dom'] }],
]) {
  test(`${entry} passes tsc --strict with ${JSON.stringify(settings)}`, () => {
    cpSync(join(root, 'tests/sample', entry), join(project, entry));
    const compilerOptions = {
      ...settings,
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      target: 'es2022',
      outDir: 'out',
      rootDir: '.',
      typeRoots: [join(root, 'node_modules/@types')],
    };
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [entry] }));
    try {
      run(join(root, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.json']);
    } catch (error) {
      assert.fail(error.stdout);
    }
  });
}

test('what was type-checked runs, without a network', () => {
  // The last lines of the sample are wrong on purpose, and the first of them throws.
  const sample = readFileSync(join(project, 'out/node.js'), 'utf8').replace(/\/\/ @ts-expect-error[\s\S]*/, '');
  writeFileSync(join(project, 'run.js'), sample);
  assert.deepEqual(JSON.parse(run('node', ['run.js'])), {
    total: 1 + 2 + 0.5 * -0.5,
    adopted: ['np.vstack'],
    why: '',
    totals: [3, -3],
    inserted: [],
    code: 'np.vstack(rows)',
    missing: ['new_version', 'description', 'update_info', 'old_code', 'new_code'],
    numbers: [1, 2, 2],
    text: 'total 3.000 = 1 x format 1.000 + 1 x es_star 2.000',
  });
});

test('the examples run from the installed package', () => {
  const server = join(project, 'node_modules/recode-reward/examples/server.mjs');
  const check = `import { grade } from '${server}'; console.log(typeof grade);`;
  assert.equal(run('node', ['--input-type=module', '-e', check]).trim(), 'function');
});

for (const [name, path, heading] of [
  ["the package's README", 'README.md', '# recode-reward'],
  ["the project's README", '../../README.md', '## In JavaScript'],
]) {
  test(`${name} says what happens`, () => {
    const readme = readFileSync(join(root, path), 'utf8');
    const [, example, output] = readme.slice(readme.indexOf(heading)).match(/\n```js\n([\s\S]*?)\n```\n+```\n([\s\S]*?)```\n/);
    writeFileSync(join(project, 'readme.mjs'), example);
    assert.equal(run('node', ['readme.mjs']), output);
  });
}
