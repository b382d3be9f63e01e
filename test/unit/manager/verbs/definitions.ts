import { mkdef } from '../../../../manager/verbs/mkdef.ts';
import { lsdef } from '../../../../manager/verbs/lsdef.ts';
import { chdef } from '../../../../manager/verbs/chdef.ts';
import { rmdef } from '../../../../manager/verbs/rmdef.ts';
import { findCommand } from '../../../../cli/commands/index.ts';
import { parseCommandLine } from '../../../../cli/parse/getopt.ts';
import { initialObjects } from '../../../../shared/objects/index.ts';
import type { Effect, Json } from '../../../../shared/verb/effect.ts';
import { asked } from '../../support/asked.ts';
import { MemoryView } from '../../support/view.ts';

const verbs = { mkdef, lsdef, chdef, rmdef };

export interface Answer {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
  readonly data: readonly Json[];
  readonly effects: readonly Effect[];
}

/** A registry as it begins, and the four commands on it: `run('lsdef n1 -i groups')`. Single quotes group words. */
export class Definitions {
  readonly view = new MemoryView();

  constructor() {
    this.view.commit(initialObjects({ server: 'mn', installDir: '/install', tftpDir: '/tftpboot' }));
  }

  run(line: string, input?: string, json = false): Answer {
    const words = [...line.matchAll(/(?:'[^']*'|[^\s'])+/g)].map(([word]) => word.replaceAll("'", ''));
    const [name = '', ...argv] = words;
    const definition = findCommand(name);
    const verb = verbs[name as keyof typeof verbs];
    if (definition === undefined) throw new Error(`No command ${name}`);
    const { options, operands } = parseCommandLine(definition, argv);
    const { effects } = verb.start(
      asked(name, { options, operands, json, server: 'mn', ...(input === undefined ? {} : { input }) }),
      this.view,
    );
    this.view.apply(effects);
    const said = (error: boolean): string =>
      effects.map((effect) => (effect.do === 'say' && (effect.error === true) === error ? effect.text : '')).join('');
    const done = effects.find((effect) => effect.do === 'done');
    return {
      exit: done?.exit ?? -1,
      out: said(false),
      err: said(true),
      data: effects.flatMap((effect) => (effect.do === 'data' ? [effect.value] : [])),
      effects,
    };
  }

  /** Runs lines that must all succeed. */
  with(...lines: readonly string[]): this {
    for (const line of lines) {
      const { exit, err } = this.run(line);
      if (exit !== 0) throw new Error(`${line}: ${err}`);
    }
    return this;
  }
}
