// A file, wherever it lies, read piece by piece: `{ name, length, read(start, end), pause() }`, where read gives some of the bytes from start
// on, at most up to end, and pause lets go of a connection until the next read.

const PIECE = 4 << 20;
// How often a download that makes no headway is tried, and how long it waits before that, in milliseconds.
const WAITS = [0, 500, 2000];

/** Of a Blob or File; nothing is read before it is asked for. */
export function fromBlob(name, blob) {
  return {
    name,
    length: blob.size,
    read: async (start, end) => new Uint8Array(await blob.slice(start, Math.min(end, start + PIECE)).arrayBuffer()),
    pause() {},
  };
}

/** Of bytes. */
export function fromBytes(name, bytes) {
  return { name, length: bytes.length, read: async (start, end) => bytes.subarray(start, Math.min(end, start + PIECE)), pause() {} };
}

/** Of a URL, in one download that is taken up again where it broke off; undefined where there is no such file. */
export async function fromUrl(name, url) {
  const response = await found(url);
  if (response === undefined) return undefined;
  const length = response.headers.get('content-length');
  if (length === null || (response.headers.get('content-encoding') ?? 'identity') !== 'identity') {
    // How long it is shows at its end.
    return fromBlob(name, await response.blob());
  }
  const download = new Download(url, Number(length), response);
  return { name, length: download.length, read: (start, end) => download.read(start, end), pause: () => download.pause() };
}

/** The bytes of a small file at a URL; undefined where there is none. */
export async function bytesOfUrl(url) {
  const response = await found(url);
  return response && new Uint8Array(await response.arrayBuffer());
}

async function found(url) {
  const response = await ask(url, {});
  if (response.status === 404) return undefined;
  if (!response.ok) throw new Error(`${url}: the server answers ${response.status} ${response.statusText}`.trimEnd());
  return response;
}

async function ask(url, headers) {
  try {
    return await fetch(url, { headers });
  } catch (error) {
    throw new Error(`${url} cannot be fetched (${error.message}): is the address right, and may this page read it?`);
  }
}

/** What another attempt would not mend. */
class Final extends Error {}

class Download {
  #url;
  #version;
  /** None while it pauses. */
  #reader;
  /** What has come and is not yet handed on. */
  #ahead = new Uint8Array();
  #position = 0;

  constructor(url, length, response) {
    this.length = length;
    this.#url = url;
    this.#version = version(response);
    this.#reader = response.body.getReader();
  }

  pause() {
    this.#reader?.cancel().catch(() => {});
    this.#reader = undefined;
    this.#ahead = new Uint8Array();
  }

  async read(start, end) {
    if (start < this.#position) this.pause();
    for (let failed = 0; ; ) {
      if (this.#ahead.length > 0) {
        const skipped = Math.min(start - this.#position, this.#ahead.length);
        const piece = this.#ahead.subarray(skipped, skipped + end - start);
        this.#ahead = this.#ahead.subarray(skipped + piece.length);
        this.#position += skipped + piece.length;
        if (piece.length > 0) return piece;
        continue;
      }
      try {
        if (this.#reader === undefined) await this.#open(start);
        const { value, done } = await this.#reader.read();
        if (done) throw new Error('it ended early');
        this.#ahead = value;
      } catch (error) {
        if (error instanceof Final) throw error;
        this.pause();
        failed += 1;
        if (failed === WAITS.length) {
          throw new Error(`the download broke off after ${this.#position} of ${this.length} bytes (${error.message}): load it again`);
        }
        await new Promise((done) => setTimeout(done, WAITS[failed]));
      }
    }
  }

  async #open(position) {
    const response = await ask(this.#url, { range: `bytes=${position}-` });
    if (response.status >= 500) throw new Error(`the server answers ${response.status}`);
    const [from, length] = extent(response, position);
    if (!response.ok || from > position) {
      throw new Final(`${this.#url}: the server answers ${response.status} when asked for the bytes from ${position} on`);
    }
    if (length !== this.length || version(response) !== this.#version) {
      throw new Final(`${this.#url} has changed while it was being downloaded: load it again`);
    }
    this.#reader = response.body.getReader();
    // A server that knows no ranges begins anew, and what has been read is skipped.
    this.#position = from;
  }
}

/** Where an answer begins, and how long the whole file is. Of another origin the header that says both may be hidden. */
function extent(response, position) {
  const said = /^bytes (\d+)-\d+\/(\d+)$/.exec(response.headers.get('content-range') ?? '');
  if (said !== null) return [Number(said[1]), Number(said[2])];
  const from = response.status === 206 ? position : 0;
  return [from, from + Number(response.headers.get('content-length'))];
}

const version = ({ headers }) => headers.get('etag') ?? headers.get('last-modified');
