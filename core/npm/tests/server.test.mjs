// The example server, as a client sees it.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { grade, serve } from '../examples/server.mjs';
import { score } from '../src/node.js';

const ROW = { completion: 't</think><answer>\n```python\nb\n```\n</answer>', target: 'b' };
let server;
let origin;

before(async () => {
  server = serve(0);
  await once(server, 'listening');
  origin = `http://127.0.0.1:${server.address().port}`;
});

after(() => server.close());

async function post(body, path = '/score', method = 'POST') {
  const response = await fetch(origin + path, { method, body });
  assert.equal(response.headers.get('content-type'), 'application/json');
  return [response.status, await response.json()];
}

test('one completion gives an object, several give an array', async () => {
  const expected = score(ROW.completion, ROW.target);
  assert.deepEqual(await post(JSON.stringify(ROW)), [200, expected]);
  assert.deepEqual(await post(JSON.stringify([ROW, ROW])), [200, [expected, expected]]);
  assert.deepEqual(await post(JSON.stringify({ items: [ROW] })), [200, [expected]]);
  const rubric = { weights: { edit_gain: 2, overlong: 1 }, overlong: { max_length: 10, buffer: 10 } };
  const [status, { total }] = await post(JSON.stringify({ ...ROW, old_code: 'a', tokens: 5, rubric }));
  // 2 x 2 for the target, half of -1 for half of the length.
  assert.deepEqual([status, total], [200, 3.5]);
});

test('what is wrong is answered with a status and in words', async () => {
  const faults = [
    ['{', 400, /^the body is no JSON: /],
    ['null', 400, /^the body is neither an object nor an array$/],
    ['{}', 400, /^rows\[0\]\.completion is undefined, but must be a string$/],
    [JSON.stringify({ ...ROW, oldCode: 'a' }), 400, /^the body has an unknown field oldCode: there are completion, target, old_code, tokens$/],
    [JSON.stringify({ items: [ROW, 1] }), 400, /^items\[1\] is no object$/],
    [JSON.stringify({ items: 1 }), 400, /^items is no array$/],
    [JSON.stringify({ items: [], target: 'b' }), 400, /^the body has an unknown field target/],
    [JSON.stringify({ ...ROW, rubric: { mode: 'lax' } }), 422, /^unknown reward mode `lax`/],
    [JSON.stringify({ ...ROW, rubric: { weights: { edit_gain: 1 } } }), 422, /oldCode is missing/],
  ];
  for (const [body, expected, message] of faults) {
    const [status, { error }] = await post(body);
    assert.equal(status, expected, `${body}: ${error}`);
    assert.match(error, message);
  }
  assert.equal((await post(undefined, '/score', 'GET'))[0], 405);
  assert.equal((await post('{}', '/else'))[0], 404);
  assert.equal((await post(JSON.stringify(ROW)))[0], 200);
});

test('a body beyond the limit is refused, and the server goes on', async () => {
  // The answer may come, and the connection go, while the body is still on its way.
  const refused = await post('x'.repeat(9 * 2 ** 20)).catch(() => [413]);
  assert.equal(refused[0], 413);
  assert.equal((await post(JSON.stringify(ROW)))[0], 200);
});

test('as a handler of Express it takes the body that was parsed', async () => {
  const said = {};
  const response = {
    setHeader() {},
    writeHead(status) {
      said.status = status;
    },
    end(body) {
      said.body = JSON.parse(body);
    },
  };
  await grade({ method: 'POST', body: ROW }, response);
  assert.deepEqual(said, { status: 200, body: score(ROW.completion, ROW.target) });
});
