// What people pass, looked at: every complaint names the thing and says what would do. Whether the values make sense, the module says.

const RULES = ['mode', 'comparison', 'weights', 'overlong'];
const ROW = ['oldCode', 'length'];

// How the lines of `recode-trainer score` call what has another name here: the likeliest slip of whoever has such lines.
const NAMES_OF_LINES = { old_code: 'oldCode', new_code: 'target', tokens: 'length', code: 'completion' };

/** The largest number of the module's 32 bits. */
const MAX_WHOLE = 2 ** 32 - 1;

function kind(value) {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (value instanceof Map) return 'a Map';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`.replace('a undefined', 'undefined');
}

/** @returns {string} */
export function text(name, value) {
  if (typeof value !== 'string') throw new TypeError(`${name} is ${kind(value)}, but must be a string`);
  return value;
}

/** A text of the data, where half a surrogate pair says that the data is broken; in a completion, it is what a policy may write. */
function exactText(name, value) {
  if (!text(name, value).isWellFormed()) {
    throw new RangeError(`${name} has half a surrogate pair, so it is no text: mend the data, or leave the row out`);
  }
  return value;
}

/** A whole number where there is one. */
function optionalWhole(name, value) {
  return value === undefined || value === null ? undefined : whole(name, value);
}

function whole(name, value) {
  if (typeof value !== 'number') throw new TypeError(`${name} is ${kind(value)}, but must be a whole number`);
  if (!Number.isInteger(value) || value < 0 || value > MAX_WHOLE) {
    throw new RangeError(`${name} is ${value}, but must be a whole number from 0 to ${MAX_WHOLE}`);
  }
  return value;
}

function optionalText(name, value) {
  return value === undefined || value === null ? undefined : exactText(name, value);
}

/** An object with no other names than these. */
function known(name, value, names) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new TypeError(`${name} is ${kind(value)}, but must be an object`);
  }
  for (const key of Object.keys(value)) {
    if (names.includes(key)) continue;
    const near = NAMES_OF_LINES[key];
    const way = names.includes(near) ? `it is called ${near} here` : `there ${names.length === 1 ? 'is' : 'are'} ${names.join(', ')}`;
    throw new TypeError(`${name}.${key} is not known: ${way}`);
  }
  return value;
}

function weights(name, value) {
  if (value === undefined) return undefined;
  // A Map has no fields of its own.
  if (value === null || typeof value !== 'object' || Array.isArray(value) || value instanceof Map) {
    throw new TypeError(`${name} is ${kind(value)}, but must be an object of numbers, as in { format: 1, edit_gain: 1 }`);
  }
  const checked = {};
  for (const [part, weight] of Object.entries(value)) {
    if (weight === undefined) continue;
    if (typeof weight !== 'number') throw new TypeError(`${name}.${part} is ${kind(weight)}, but must be a number`);
    // JSON has no word for these.
    if (!Number.isFinite(weight)) throw new RangeError(`${name}.${part} is ${weight}, but must be finite`);
    checked[part.toWellFormed()] = weight;
  }
  return checked;
}

function overlong(name, value) {
  if (value === undefined) return undefined;
  const { max_length, buffer } = known(name, value, ['max_length', 'buffer']);
  return { max_length: whole(`${name}.max_length`, max_length), buffer: whole(`${name}.buffer`, buffer) };
}

/** The rules as the module takes them. */
function rules(options) {
  return JSON.stringify({
    mode: options.mode === undefined ? undefined : text('options.mode', options.mode).toWellFormed(),
    comparison: options.comparison === undefined ? undefined : text('options.comparison', options.comparison).toWellFormed(),
    weights: weights('options.weights', options.weights),
    overlong: overlong('options.overlong', options.overlong),
  });
}

/** Everything but the completion that its score depends on. */
export function row(target, options) {
  exactText('target', target);
  if (options === undefined) return { rules: '{}', target, oldCode: undefined, length: undefined };
  known('options', options, [...RULES, ...ROW]);
  return {
    rules: rules(options),
    target,
    oldCode: optionalText('options.oldCode', options.oldCode),
    length: optionalWhole('options.length', options.length),
  };
}

/** The completions of a batch with their rows; a row's own fields, an id for example, are nobody's business. */
export function batch(rows, options = {}) {
  if (!Array.isArray(rows)) throw new TypeError(`rows is ${kind(rows)}, but must be an array of { completion, target }`);
  for (const name of ROW) {
    if (Object.hasOwn(Object(options), name)) {
      throw new TypeError(`options.${name} is not known: each row has its own, as in { completion, target, ${name} }`);
    }
  }
  const shared = rules(known('options', options, RULES));
  const taken = Array.from(rows, (row, index) => {
    const name = `rows[${index}]`;
    if (row === null || typeof row !== 'object') {
      throw new TypeError(`${name} is ${kind(row)}, but must be { completion, target }`);
    }
    for (const slip of ['old_code', 'tokens']) {
      if (slip in row) throw new TypeError(`${name}.${slip} is not known: it is called ${NAMES_OF_LINES[slip]} here`);
    }
    return {
      completion: text(`${name}.completion`, row.completion),
      rules: shared,
      target: exactText(`${name}.target`, row.target),
      oldCode: optionalText(`${name}.oldCode`, row.oldCode),
      length: optionalWhole(`${name}.length`, row.length),
    };
  });
  return { rules: shared, rows: taken };
}

/** The mode of the format reward, which depends on nothing else. */
export function mode(options = {}) {
  const { mode = 'strict' } = known('options', options, ['mode']);
  return text('options.mode', mode).toWellFormed();
}

const FIELDS = ['dependency', 'new_version', 'description', 'update_info', 'old_code', 'new_code'];

/** A field of a data set as the module takes it: a text, null, nothing, or in brackets what else it is. Anything may be in the data. */
function field(value) {
  if (value === undefined || value === null) return value;
  if (typeof value === 'string') return value.isWellFormed() ? value : ['string with half a surrogate pair'];
  if (typeof value === 'boolean') return ['truth value'];
  if (typeof value === 'object') return [Array.isArray(value) ? 'list' : 'object'];
  return [typeof value === 'bigint' ? 'number' : typeof value];
}

/** The rows of a data set as the module takes them. */
export function dataSet(rows, options = {}) {
  if (!Array.isArray(rows)) throw new TypeError(`rows is ${kind(rows)}, but must be an array of migrations`);
  const { maxPromptLength } = known('options', options, ['maxPromptLength']);
  const taken = Array.from(rows, (row, index) => {
    if (row === null || typeof row !== 'object') throw new TypeError(`rows[${index}] is ${kind(row)}, but must be an object`);
    return Object.fromEntries(FIELDS.map((name) => [name, field(row[name])]));
  });
  return { rows: JSON.stringify(taken), maxPromptLength: optionalWhole('options.maxPromptLength', maxPromptLength) };
}
