import { isSecret } from '../../shared/schema/index.ts';
import { byName } from '../../shared/objects/index.ts';
import type { Effect, Json } from '../../shared/verb/effect.ts';
import type { RecordedChange } from '../../shared/verb/recorded-change.ts';
import { end, type Verb } from '../../shared/verb/verb.ts';
import { revisionsIn } from './revisions.ts';

/** What is different between two revisions, whatever happened in between. */
export const diff: Verb<null> = {
  name: 'diff',
  version: 1,
  changes: false,
  start(asked) {
    const { changes } = revisionsIn(asked);
    const sorted = [...changes].sort((a, b) => byName(`${a.type}/${a.name}`, `${b.type}/${b.name}`));
    const effects = sorted.map((change): Effect => {
      return asked.json ? { do: 'data', value: data(change) } : { do: 'say', text: text(change) };
    });
    return end(...effects, { do: 'done', exit: 0 });
  },
};

function data({ type, name, action, values }: RecordedChange): Json {
  const list = Object.entries(values).map(([key, [old, value]]): Json => {
    return isSecret(key) ? { key, secret: true } : { key, old, new: value };
  });
  return { type, name, action, values: list };
}

function text({ type, name, action, values }: RecordedChange): string {
  const lines = Object.entries(values)
    .sort(([a], [b]) => byName(a, b))
    .map(([key, [old, value]]) =>
      isSecret(key) ? `    ${key}: (secret)` : `    ${key}: ${old ?? '(unset)'} -> ${value ?? '(unset)'}`,
    );
  return `${[`${type} ${name} ${action}`, ...lines].join('\n')}\n`;
}
