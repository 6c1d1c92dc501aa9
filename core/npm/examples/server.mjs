// A grader over HTTP with node:http alone: `node server.mjs [PORT]`.
//
//   curl localhost:8917/score -d '{"completion": "…", "target": "…", "old_code": "…"}'
//
// Requests and answers are those of `recode-trainer score --serve`: one completion gives an object; an array of them, or {"items": […]}, gives an
// array; "rubric" beside completion or items sets the rules. What is wrong with a request is answered as {"error": "…"}, with 400 for a body
// that is no request, 404, 405 and 413 as ever, and 422 for values that make no sense.
//
// `grade` is an ordinary handler of (request, response): app.post('/score', grade) puts it into Express.

import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';
import { scoreBatch } from 'recode-reward';

const MAX_BODY_BYTES = 8 * 2 ** 20;

/** An error that the caller is to blame for. */
class Fault extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function read(request) {
  const chunks = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new Fault(413, `the body has more than ${MAX_BODY_BYTES} bytes: send fewer items at a time`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Fault(400, `the body is no JSON: ${error.message}`);
  }
}

/** What an item has in JSON, by the names of the package. */
function item(value, name) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw new Fault(400, `${name} is no object`);
  const { completion, target, old_code: oldCode, tokens: length, ...others } = value;
  const [other] = Object.keys(others);
  if (other !== undefined) throw new Fault(400, `${name} has an unknown field ${other}: there are completion, target, old_code, tokens`);
  return { completion, target, oldCode, length };
}

function answer(body) {
  if (Array.isArray(body)) return scoreBatch(body.map((value, i) => item(value, `items[${i}]`)));
  if (body === null || typeof body !== 'object') throw new Fault(400, 'the body is neither an object nor an array');
  const { rubric = {}, items, ...one } = body;
  if (items === undefined) return scoreBatch([item(one, 'the body')], rubric)[0];
  if (!Array.isArray(items)) throw new Fault(400, 'items is no array');
  const [other] = Object.keys(one);
  if (other !== undefined) throw new Fault(400, `the body has an unknown field ${other}: beside items there is rubric`);
  return scoreBatch(items.map((value, i) => item(value, `items[${i}]`)), rubric);
}

function reply(response, status, value) {
  const body = JSON.stringify(value);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

/** Answers a POST with the scores. Express may have parsed the body already. */
export async function grade(request, response) {
  try {
    if (request.method !== 'POST') throw new Fault(405, `${request.method} is not answered here: POST a completion`);
    const body = request.body ?? parse(await read(request));
    reply(response, 200, answer(body));
  } catch (error) {
    // The rest of a body that is too long is not waited for.
    if (error.status === 413) response.setHeader('connection', 'close');
    // What the package throws is about what it was given: types, and values that make no sense.
    reply(response, error.status ?? (error instanceof TypeError ? 400 : 422), { error: error.message });
  }
}

export function serve(port) {
  const server = createServer((request, response) => {
    if (request.url === '/score') return grade(request, response);
    return reply(response, 404, { error: `there is nothing at ${request.url}: POST to /score` });
  });
  return server.listen(port, '127.0.0.1');
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const server = serve(Number(process.argv[2] ?? 8917));
  server.on('listening', () => console.log(`http://127.0.0.1:${server.address().port}/score`));
}
