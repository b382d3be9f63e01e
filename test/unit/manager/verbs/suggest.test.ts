import { expect, test } from 'vitest';
import { suggest } from '../../../../manager/verbs/suggest.ts';
import { asked } from '../../support/asked.ts';
import { MemoryView } from '../../support/view.ts';

const view = new MemoryView({
  node: { compute01: { 'nodelist.groups': 'all,rack' }, compute02: { 'nodelist.groups': 'all' }, cn: {} },
  osimage: { 'debian12-x86_64-netboot-compute': { 'osimage.profile': 'compute' } },
});

test.each([
  ["Error: [x]: 'nodetyp' is not a valid attribute name for an object type of 'node'.", "Did you mean 'nodetype'?\n"],
  ["Error: [x]: 'domian' is not a valid attribute name for an object type of 'network'.", "Did you mean 'domain'?\n"],
  ["Error: [x]: Could not find an object named 'debian12-x86_64-netboot-com' of type 'osimage'.", ''],
  [
    "Error: [x]: Could not find an object named 'debian12-x86_64-netboot-comptue' of type 'osimage'.",
    "Did you mean 'debian12-x86_64-netboot-compute'?\n",
  ],
  [
    'Error: Invalid nodes and/or groups in noderange: compute10,rakc',
    "Did you mean 'compute01'?\nDid you mean 'rack'?\n",
  ],
  ['Error: Invalid nodes and/or groups in noderange: compute0', "Did you mean 'compute01' or 'compute02'?\n"],
  ["Error: [x]: \nType 'osimages' is not a valid xCAT object type.", "Did you mean 'osimage'?\n"],
  ['Error: [x]: No such table: nodelsit', "Did you mean 'nodelist'?\n"],
  ['Error: [x]: Table nodehn does not exist.', "Did you mean 'nodehm'?\n"],
  ['Error: [x]: No column "grups" in table "nodelist"', "Did you mean 'groups'?\n"],
  ['Error: Invalid nodes and/or groups in noderange: quite-another', ''],
  ['something else', ''],
])('%s', (input, hint) => {
  const { effects } = suggest.start(asked('suggest', { input }), view);
  expect(effects.flatMap((effect) => (effect.do === 'say' ? [effect.text] : [])).join('')).toBe(hint);
});
