// The recorded answers of the original, replayed against the built programs. bound: 600 s
import { beforeAll, describe, expect, test } from 'vitest';
import { replayAll } from '../oracle/all-groups.ts';
import { apart, areThere, folder, loadCases } from '../oracle/cases.ts';
import { whyNoCells } from '../oracle/cell.ts';
import { loadDifferences, wronglyListed } from '../oracle/differences.ts';
import { whyNotBuilt } from '../oracle/programs.ts';
import type { Outcome } from '../oracle/replay.ts';

const why = areThere() ? (whyNoCells() ?? whyNotBuilt()) : `there are no recorded answers in ${folder}`;

/** Of the groups about definitions, tables, ranges and templates, what our aims do not ask to be otherwise. */
const wantedShare = 0.97;

describe('recorded answers', () => {
  if (why !== undefined) {
    test('are replayed', (context) => context.skip(why));
    return;
  }
  const differences = loadDifferences();
  let outcomes = new Map<string, Outcome[]>();
  beforeAll(async () => {
    outcomes = await replayAll();
  }, 580_000);

  test.each([...loadCases().keys()])('%s: what disagrees is named with its reason', (group) => {
    const wrong = wronglyListed(outcomes.get(group) ?? [], differences);
    expect(wrong.join('\n')).toBe('');
  });

  test('agree in definitions, tables, ranges and templates', () => {
    const aims = new Set(differences.filter(({ aim }) => aim === true).flatMap(({ ids }) => ids));
    const all = [...outcomes].filter(([group]) => !apart.has(group)).flatMap(([, list]) => list);
    const counted = all.filter(({ recorded }) => !aims.has(recorded.id));
    const share = counted.filter(({ agrees }) => agrees).length / counted.length;
    const raw = all.filter(({ agrees }) => agrees).length;
    console.log(`${raw} of ${all.length} agree; ${(share * 100).toFixed(1)} % of those that our aims leave alone`);
    expect(share).toBeGreaterThanOrEqual(wantedShare);
  });
});
