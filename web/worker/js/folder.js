// A model's or an adapter's folder in Hugging Face's layout, given as its address or as its files by name.

import { fromBlob, fromBytes, fromUrl, readAll } from './source.js';

const INDEX = 'model.safetensors.index.json';

/** The files of a model: what `ModelFiles` wants. */
export async function modelFiles(folder, signal) {
  const [config, tokenizer, generation, tokens] = await Promise.all(
    ['config.json', 'tokenizer.json', 'generation_config.json', 'tokenizer_config.json'].map((name) => small(folder, name, signal)),
  );
  need(folder, { 'config.json': config, 'tokenizer.json': tokenizer });
  const settings = [generation, config, tokens].filter((file) => file !== undefined);
  return { config, tokenizer, settings, weights: await weightFiles(folder, signal) };
}

/** The files of an adapter: what `AdapterFiles` wants. */
export async function adapterFiles(folder, signal) {
  const [config, weights] = await Promise.all([small(folder, 'adapter_config.json', signal), open(folder, 'adapter_model.safetensors', signal)]);
  need(folder, { 'adapter_config.json': config, 'adapter_model.safetensors': weights });
  return { config, weights };
}

async function weightFiles(folder, signal) {
  const single = await open(folder, 'model.safetensors', signal);
  if (single !== undefined) return [single];
  const index = await small(folder, INDEX, signal);
  if (index === undefined) throw new Error(`model.safetensors is missing, and so is ${INDEX}: a model's folder has one of them`);
  const names = shards(await readAll(index));
  const files = await Promise.all(names.map((name) => open(folder, name, signal)));
  need(folder, Object.fromEntries(names.map((name, at) => [name, files[at]])));
  return files;
}

function shards(bytes) {
  let names;
  try {
    names = [...new Set(Object.values(JSON.parse(new TextDecoder().decode(bytes)).weight_map))];
  } catch {
    names = [];
  }
  if (names.length === 0 || !names.every((name) => /^[^/\\]+$/.test(name))) {
    throw new Error(`${INDEX} is not an index of shards ({"weight_map": {tensor: file}})`);
  }
  return names.sort();
}

function need(folder, files) {
  const missing = Object.keys(files).filter((name) => files[name] === undefined);
  if (missing.length === 0) return;
  const where = typeof folder === 'string' ? `at ${folder}` : `among ${Object.keys(folder).join(', ') || 'no files'}`;
  throw new Error(`${missing.join(' and ')} missing ${where}`);
}

/** A file that may be read more than once. */
async function small(folder, name, signal) {
  const file = await open(folder, name, signal);
  return file && fromBytes(name, await readAll(file), signal);
}

async function open(folder, name, signal) {
  if (typeof folder === 'string') return fromUrl(name, new URL(name, folder.endsWith('/') ? folder : `${folder}/`).href, signal);
  const file = Object.hasOwn(folder, name) ? folder[name] : undefined;
  if (file === undefined) return undefined;
  if (typeof file === 'string') return fromUrl(name, file, signal);
  if (file instanceof Blob) return fromBlob(name, file, signal);
  if (file instanceof Uint8Array) return fromBytes(name, file, signal);
  throw new TypeError(`${name} is neither an address, a Blob nor a Uint8Array`);
}
