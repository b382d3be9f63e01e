import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseStanzas } from '../../../../agent/tasks/nim/objects.ts';
import { machine, stage, type Stage } from '../../../nim/support/stage.ts';

// Behaviours 22 and 23 of the NIM facts, section 15, against the layouts of section 2. One master for all.

let one: Stage;
beforeAll(async () => {
  one = await stage();
  await one.images();
  await one.well(
    machine('node01'),
    machine('node02'),
    'nim -o define -t mac_group -a add_member=node01 -a add_member=node02 lpars',
    'nim -o bos_inst -a boot_client=no -a spot=spot1 -a lpp_source=lpp1 node01',
  );
}, 60_000);
afterAll(() => {
  one.close();
});

test('22: the plain list has three columns with blanks only, in every filtered form', async () => {
  const all = await one.well('lsnim');
  expect(all).not.toContain('\t');
  // The longest name listed + 5, the longest class listed + 7.
  expect(all.split('\n')[0]).toBe('master         machines        master');
  expect(await one.well('lsnim -t spot')).toBe('spot1     resources       spot\n');
  expect(await one.well('lsnim -c groups')).toBe('lpars     groups       mac_group\n');
  expect(await one.well('lsnim spot1')).toBe('spot1     resources       spot\n');
  expect(await one.well('lsnim -t dump')).toBe('');
});

test('22: the relation form has two columns', async () => {
  expect(await one.well('lsnim -c resources node01')).toBe(
    'spot1          spot\nlpp1           lpp_source\nboot           boot\nnim_script     nim_script\n',
  );
});

test('22: the long form has a moving = column and no line for what is not set', async () => {
  const text = await one.well('lsnim -l node02 spot1');
  expect(text).toMatch(/^node02:\n {3}class {10}= machines\n {3}type {11}= standalone\n/);
  expect(text).toMatch(/\nspot1:\n {3}class {9}= resources\n/);
  expect(text).not.toContain('info');
  expect(text).not.toContain('\n\n');
  const [node] = parseStanzas(await one.well('lsnim -l node01'));
  expect(node?.attributes.get('if1')).toEqual(['lan node01 001122334455']);
  expect([...(node?.attributes.keys() ?? [])]).toEqual(expect.arrayContaining(['spot', 'lpp_source', 'control']));
});

test('22: the chosen form has single blanks', async () => {
  expect(await one.well('lsnim -a connect -a platform node02')).toBe(
    'node02:\n   connect = nimsh\n   platform = chrp\n',
  );
});

test('22: the colon form drops what is not set from the data only, and shifts', async () => {
  expect(await one.well('lsnim -a Cstate -a info -a Cstate_result -Z node01')).toBe(
    '#name:Cstate:info:Cstate_result:\nnode01:BOS installation has been enabled:success:\n',
  );
  expect(await one.well('lsnim -a if1 -Z master')).toBe('#name:if1:\nmaster:lan:master:0:\n');
});

test('22: -FZ answers an unset attribute with nothing', async () => {
  expect(await one.well('lsnim -FZ -a info node02')).toBe('');
  expect(await one.well('lsnim -FZ -a platform node02')).toBe('#name:platform:\nnode02:chrp:\n');
});

test('22: -a of a resource type lists every client that holds one', async () => {
  expect(await one.well('lsnim -a spot')).toBe('node01:\n   spot = spot1\n');
});

test('22: groups and their members', async () => {
  expect(parseStanzas(await one.well('lsnim -l lpars'))[0]?.attributes.get('member2')).toEqual(['node02']);
  expect(await one.well('lsnim -g lpars')).toBe(
    'lpars:\n   node01  standalone BOS installation has been enabled\n   node02  standalone ready for a NIM operation\n',
  );
  expect(await one.well('lsnim -m lpars')).toBe(
    'node01     machines       standalone\nnode02     machines       standalone\n',
  );
});

test('23: -A, -O, -P, -L and -q as their callers use them', async () => {
  expect(await one.well('lsnim -A if master')).toBe('2\n');
  const operations = await one.well('lsnim -POt spot');
  expect(operations).toMatch(/^spot:\n {3}reset +=/);
  expect(operations).toMatch(/\n {3}sync_roots +=/);
  const types = (await one.well('lsnim -P -c resources')).split('\n').map((line) => line.split(/\s+/)[0]);
  expect(types).toEqual(expect.arrayContaining(['spot', 'lpp_source', 'mksysb', 'bosinst_data', 'shared_root']));
  expect(await one.well('lsnim -Pcmachines')).toContain('diskless');
  expect(await one.well('lsnim -p')).toContain('resources\n');
  expect(await one.well('lsnim -L node02 -t spot')).toBe('spot1     spot\n');
  expect(await one.well('lsnim -q define -t spot')).toMatch(
    /^the following attributes are required:\n {4}-a server=<value>\n {4}-a location=<value>\nthe following attributes are optional:\n {4}-a source=<value>\n/,
  );
});
