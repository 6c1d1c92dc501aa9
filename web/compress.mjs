// usage: node compress.mjs FOLDER: writes FILE.br and FILE.gz beside every file of the folder, and says what goes over the wire.

import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const folder = process.argv[2];
/** What the first score waits for; the others come later, or never. */
const LATER = [
  'editor.js', 'worker.js', 'demo-before.jsonl', 'demo-after.jsonl', 'example-completions.jsonl', 'example-metrics.jsonl', 'example-rows.jsonl',
];

let first = 0;
for (const name of readdirSync(folder).sort().filter((name) => !name.startsWith('.'))) {
  const bytes = readFileSync(join(folder, name));
  const brotli = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } });
  const gzip = gzipSync(bytes, { level: 9 });
  writeFileSync(join(folder, `${name}.br`), brotli);
  writeFileSync(join(folder, `${name}.gz`), gzip);
  if (!LATER.includes(name)) first += brotli.length;
  console.log(`${name}: ${bytes.length} bytes, ${gzip.length} gzipped, ${brotli.length} by brotli`);
}
console.log(`first load: ${first} bytes by brotli`);
