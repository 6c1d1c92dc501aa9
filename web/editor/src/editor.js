// A field's editor: CodeMirror in a shadow root, where it sets its styles by adoptedStyleSheets; on the page itself it would write style
// elements, which the page's Content-Security-Policy does not let in.

import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { python } from '@codemirror/lang-python';
import { HighlightStyle, StreamLanguage, bracketMatching, syntaxHighlighting } from '@codemirror/language';
import { python as pythonMode } from '@codemirror/legacy-modes/mode/python';
import { Annotation, EditorState, StateEffect, StateField } from '@codemirror/state';
import { Decoration, EditorView, WidgetType, drawSelection, highlightSpecialChars, keymap, lineNumbers } from '@codemirror/view';
import { tags } from '@lezer/highlight';

/** A change that comes from the page, and is no news to it. */
const fromPage = Annotation.define();
const setMark = StateEffect.define();

/** Stands where text breaks off, and there is no character to mark. */
class Caret extends WidgetType {
  constructor(message) {
    super();
    this.message = message;
  }
  eq(other) {
    return other.message === this.message;
  }
  toDOM() {
    const caret = document.createElement('span');
    caret.className = 'cm-wrong cm-wrong-end';
    caret.title = this.message;
    return caret;
  }
}

/** What is wrong with the text, at its place. */
const mark = StateField.define({
  create: () => Decoration.none,
  update(marks, transaction) {
    marks = marks.map(transaction.changes);
    for (const effect of transaction.effects) {
      if (effect.is(setMark)) marks = decorations(transaction.state.doc, effect.value);
    }
    return marks;
  },
  provide: (field) => EditorView.decorations.from(field),
});

function decorations(doc, wrong) {
  if (wrong === null || wrong.from > doc.length) return Decoration.none;
  const line = doc.lineAt(wrong.from);
  if (wrong.from === line.to) return Decoration.set(Decoration.widget({ widget: new Caret(wrong.message), side: 1 }).range(wrong.from));
  // A character may be two units.
  const width = doc.sliceString(wrong.from, wrong.from + 2).codePointAt(0) > 0xffff ? 2 : 1;
  return Decoration.set(Decoration.mark({ class: 'cm-wrong', attributes: { title: wrong.message } }).range(wrong.from, wrong.from + width));
}

/** A completion: Python within its blocks, and nothing else of it. */
const completion = StreamLanguage.define({
  startState: () => ({ fence: '', code: pythonMode.startState() }),
  copyState: ({ fence, code }) => ({
    fence,
    code: Object.fromEntries(Object.entries(code).map(([key, value]) => [key, Array.isArray(value) ? value.slice() : value])),
  }),
  token(stream, state) {
    if (stream.sol()) {
      const fence = stream.match(/^`{3,}/)?.[0] ?? '';
      if (state.fence && fence.length >= state.fence.length) state.fence = '';
      else if (!state.fence && fence && stream.match(/^(python|py)[ \t]*$/i)) {
        state.fence = fence;
        state.code = pythonMode.startState();
      }
      if (fence) {
        stream.skipToEnd();
        return 'meta';
      }
    }
    if (state.fence) return pythonMode.token(stream, state.code);
    if (stream.match(/^<\/?(think|answer)>/)) return 'meta';
    stream.next();
    stream.eatWhile(/[^<]/);
    return null;
  },
});

const LANGUAGES = { python: [python(), lineNumbers()], completion: [completion, lineNumbers()], text: [] };

/** As the page writes them: \u{202e}. Those that CodeMirror does not think of are in `more`. */
const hidden = highlightSpecialChars({
  addSpecialChars: /[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180e\u2060-\u206f\u3164\uffa0\ufff0-\ufff8]/,
  render(code) {
    const escape = document.createElement('span');
    escape.className = 'cm-hidden';
    escape.textContent = `\\u{${code.toString(16)}}`;
    escape.title = 'a character that cannot be seen';
    return escape;
  },
});

/** Typing over several lines: a browser would join them with styles of its own, which the page's Content-Security-Policy does not let in. */
const overLines = EditorView.domEventHandlers({
  beforeinput(event, view) {
    const { state } = view;
    const { from, to } = state.selection.main;
    if (event.inputType !== 'insertText' || event.data === null || view.composing || state.doc.lineAt(from).to >= to) return false;
    view.dispatch(state.replaceSelection(event.data), { userEvent: 'input.type', scrollIntoView: true });
    return true;
  },
});

// The colours are the page's: custom properties pass into a shadow root.
const look = EditorView.theme({
  '&': { fontSize: '13px', color: 'var(--ink)', backgroundColor: 'var(--field)', maxHeight: '20rem' },
  '&.cm-focused': { outline: '2px solid var(--focus)', outlineOffset: '1px' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.5', overflow: 'auto' },
  '.cm-content': { caretColor: 'var(--ink)', padding: '4px 0' },
  '.cm-cursor': { borderLeftColor: 'var(--ink)' },
  '.cm-gutters': { backgroundColor: 'transparent', color: 'var(--quiet)', border: 'none' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': { background: 'var(--selection)' },
  '&.cm-focused .cm-matchingBracket': { backgroundColor: 'var(--selection)', outline: '1px solid var(--line)' },
  '.cm-hidden': { color: 'var(--warn)', border: '1px solid currentColor', borderRadius: '3px', fontSize: '11px', padding: '0 1px' },
  '.cm-wrong': { textDecoration: 'underline wavy var(--wrong) 2px', backgroundColor: 'var(--wrong-soft)' },
  '.cm-wrong-end': { display: 'inline-block', width: '0.6em', height: '1.1em', verticalAlign: 'text-bottom', borderBottom: '2px solid var(--wrong)' },
});

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.controlKeyword, tags.definitionKeyword, tags.moduleKeyword], color: 'var(--code-keyword)' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--code-string)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--code-number)' },
  { tag: [tags.meta], color: 'var(--quiet)' },
  { tag: [tags.comment], color: 'var(--quiet)', fontStyle: 'italic' },
  { tag: [tags.function(tags.variableName), tags.function(tags.definition(tags.variableName)), tags.definition(tags.className)], color: 'var(--code-name)' },
]);

/**
 * Opens an editor in `host`, in place of `area`, whose caret and focus it takes over.
 *
 * `label` is its name, `language` is `python`, `completion` or `text`, `onChange` is told of every text that somebody makes of it.
 */
export function open(host, area, { label, language, onChange }) {
  const root = host.attachShadow({ mode: 'open' });
  const parent = document.createElement('div');
  root.append(parent);
  const hadFocus = document.activeElement === area;
  const selection = { anchor: area.selectionStart, head: area.selectionEnd };
  const view = new EditorView({
    root,
    parent,
    state: EditorState.create({
      doc: area.value,
      selection,
      extensions: [
        LANGUAGES[language],
        hidden,
        overLines,
        history(),
        drawSelection(),
        bracketMatching(),
        syntaxHighlighting(colours),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ 'aria-label': label, spellcheck: 'false' }),
        keymap.of([...defaultKeymap, ...historyKeymap]),
        mark,
        look,
        EditorView.updateListener.of((update) => {
          const ours = update.transactions.some((transaction) => transaction.annotation(fromPage));
          if (update.docChanged && !ours) onChange(update.state.doc.toString());
        }),
      ],
    }),
  });
  if (hadFocus) view.focus();
  return {
    set(text) {
      const { doc } = view.state;
      if (doc.toString() === text) return;
      view.dispatch({ changes: { from: 0, to: doc.length, insert: text }, annotations: fromPage.of(true) });
    },
    mark(from, message) {
      // An update measures the page, which costs more than the score.
      if (from === undefined && view.state.field(mark).size === 0) return;
      view.dispatch({ effects: setMark.of(from === undefined ? null : { from, message }) });
    },
  };
}
