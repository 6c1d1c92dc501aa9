// usage: node compress.mjs FOLDER: writes FILE.br and FILE.gz beside every file of the folder, those of an earlier call anew, and says what goes over the
// wire. Weights stay as they are: numbers compress badly, and of what comes compressed nobody knows how much is still to come.

import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const folder = process.argv[2];
/** What the first score does not wait for, besides all that stands in folders: it comes later, or never. */
const LATER = [
  'editor.js', 'worker.js', 'demo-before.jsonl', 'demo-after.jsonl', 'example-completions.jsonl', 'example-metrics.jsonl', 'example-rows.jsonl',
];

let first = 0;
const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && !/^\.|\.(safetensors|br|gz)$/.test(entry.name));
for (const name of files.map((entry) => relative(folder, join(entry.parentPath, entry.name))).sort()) {
  const bytes = readFileSync(join(folder, name));
  // A module is best packed as brotli packs fonts, which are tables of numbers, too.
  const mode = name.endsWith('.wasm') ? constants.BROTLI_MODE_FONT : constants.BROTLI_MODE_GENERIC;
  const brotli = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length, [constants.BROTLI_PARAM_MODE]: mode } });
  const gzip = gzipSync(bytes, { level: 9 });
  writeFileSync(join(folder, `${name}.br`), brotli);
  writeFileSync(join(folder, `${name}.gz`), gzip);
  if (!LATER.includes(name) && !name.includes('/')) first += brotli.length;
  console.log(`${name}: ${bytes.length} bytes, ${gzip.length} gzipped, ${brotli.length} by brotli`);
}
console.log(`first load: ${first} bytes by brotli`);
