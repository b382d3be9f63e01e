import type { Effect } from '../../shared/verb/effect.ts';
import type { Verb } from '../../shared/verb/verb.ts';
import { changeColumns } from './nodech.ts';
import { failed, withNodes } from './tables/answers.ts';

/** nodech for nodes that need not exist. */
export const nodeadd: Verb<null> = {
  name: 'nodeadd',
  version: 1,
  changes: true,
  start(asked, known) {
    const [range = '', ...rest] = asked.operands;
    return withNodes(
      asked,
      known,
      range,
      (nodes) => {
        if (nodes.length === 0) return failed(asked, `The node range '${range}' names no node to add`);
        const capital = nodes.filter((name) => /[A-Z]/.test(name));
        const warning: Effect[] =
          capital.length === 0
            ? []
            : [
                {
                  do: 'say',
                  text: `Warning: [${asked.server}]: The node name '${capital.join(',')}' contains capital letters which may not be resolved correctly by the dns server.\n`,
                  error: true,
                },
              ];
        return changeColumns(asked, known, nodes, rest, warning);
      },
      false,
    );
  },
};
