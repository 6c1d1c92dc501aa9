// A model's or an adapter's folder in Hugging Face's layout, given as its address or as its files by name.

import { bytesOfUrl, fromBlob, fromBytes, fromUrl } from './source.js';

const INDEX = 'model.safetensors.index.json';

/** The files of a model: what `ModelFiles` wants. */
export async function modelFiles(folder) {
  const [config, tokenizer, generation, tokens] = await Promise.all(
    ['config.json', 'tokenizer.json', 'generation_config.json', 'tokenizer_config.json'].map((name) => small(folder, name)),
  );
  need(folder, { 'config.json': config, 'tokenizer.json': tokenizer });
  const settings = [generation, config, tokens].filter((file) => file !== undefined);
  return { config, tokenizer, settings, weights: await weightFiles(folder) };
}

/** The files of an adapter: what `AdapterFiles` wants. */
export async function adapterFiles(folder) {
  const [config, weights] = await Promise.all(['adapter_config.json', 'adapter_model.safetensors'].map((name) => small(folder, name)));
  need(folder, { 'adapter_config.json': config, 'adapter_model.safetensors': weights });
  return { config, weights };
}

async function weightFiles(folder) {
  const single = await large(folder, 'model.safetensors');
  if (single !== undefined) return [single];
  const index = await small(folder, INDEX);
  if (index === undefined) throw new Error(`model.safetensors is missing, and so is ${INDEX}: a model's folder has one of them`);
  const files = {};
  for (const name of shards(await whole(index))) {
    files[name] = await large(folder, name);
    // A browser keeps six connections to a server, and there may be more shards.
    files[name]?.pause();
  }
  need(folder, files);
  return Object.values(files);
}

async function whole(file) {
  const pieces = [];
  for (let at = 0; at < file.length; at += pieces.at(-1).length) pieces.push(await file.read(at, file.length));
  return new Blob(pieces).arrayBuffer();
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

/** A file that comes at once, and may be read more than once. */
async function small(folder, name) {
  const address = addressOf(folder, name);
  if (address === undefined) return given(folder, name);
  const bytes = await bytesOfUrl(address);
  return bytes && fromBytes(name, bytes);
}

/** A file that comes piece by piece. */
async function large(folder, name) {
  const address = addressOf(folder, name);
  return address === undefined ? given(folder, name) : fromUrl(name, address);
}

function addressOf(folder, name) {
  if (typeof folder !== 'string') return typeof folder[name] === 'string' ? folder[name] : undefined;
  const address = new URL(folder);
  if (!address.pathname.endsWith('/')) address.pathname += '/';
  address.pathname += name;
  return address.href;
}

function given(folder, name) {
  const file = Object.hasOwn(folder, name) ? folder[name] : undefined;
  if (file === undefined) return undefined;
  if (file instanceof Blob) return fromBlob(name, file);
  if (file instanceof Uint8Array) return fromBytes(name, file);
  throw new TypeError(`${name} is neither an address, a Blob nor a Uint8Array`);
}
