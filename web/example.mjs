// usage: node web/example.mjs RUN_DIR   (made by recode-trainer demo --run-dir RUN_DIR)
//
// Cuts a run down to what comes with the page: every step's metrics in four digits, the completions of every 25th step and the first, the same ones
// folded into the lines they are, and the rows that these answer; beside them go its evaluations and its adapter, as they are. The files stay those of a run, which the page reads as it reads any other.

import { copyFileSync, createReadStream, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [folder] = process.argv.slice(2);
const EVERY = 25;
/** What the page does not draw, or what can be left out without a gap in it. */
const LEFT_OUT = /^(epoch|num_tokens|reward_group_std|sampling\/|clip_ratio\/(low|high|dual)_mean|rewards\/api_)/;
const PARTS = ['step', 'row', 'completion', 'tokens', 'finish_reason', 'total', 'format', 'es_star', 'em_star', 'edit_gain', 'advantage'];

const lines = (path) => readFileSync(path, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
const short = (value) => (typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value);
const write = (name, rows) => writeFileSync(new URL(`page/${name}`, import.meta.url), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));

const metrics = lines(`${folder}/metrics.jsonl`);
write('example-metrics.jsonl', metrics.map((line) => Object.fromEntries(Object.entries(line).filter(([name]) => !LEFT_OUT.test(name)).map(([name, value]) => [name, short(value)]))));

const kept = [];
for await (const text of createInterface({ input: createReadStream(`${folder}/completions.jsonl`) })) {
  const line = JSON.parse(text);
  // The total stays whole: the page computes it again and compares.
  if (line.step === 1 || line.step % EVERY === 0) kept.push(Object.fromEntries(PARTS.map((name) => [name, name === 'total' ? line[name] : short(line[name])])));
}
write('example-completions.jsonl', kept);

const answered = new Set(kept.map((line) => line.row));
const rows = lines(`${folder}/data/migrations.jsonl`).map(({ dependency, update_info, old_code, new_code }, at) => ({ row: at + 1, dependency, update_info, old_code, new_code }));
write('example-rows.jsonl', rows.filter(({ row }) => answered.has(row)));

for (const name of ['before', 'after']) copyFileSync(`${folder}/eval/${name}.jsonl`, new URL(`page/demo-${name}.jsonl`, import.meta.url));
const checkpoint = `${folder}/checkpoints/${readdirSync(`${folder}/checkpoints`).sort().at(-1)}`;
copyFileSync(`${checkpoint}/adapter_model.safetensors`, new URL('page/demo/adapter_model.safetensors', import.meta.url));
// Where the policy lay when it was trained says nothing elsewhere.
const config = { ...JSON.parse(readFileSync(`${checkpoint}/adapter_config.json`, 'utf8')), base_model_name_or_path: 'trainer/demo/policy' };
writeFileSync(new URL('page/demo/adapter_config.json', import.meta.url), `${JSON.stringify(config, null, 2)}\n`);
