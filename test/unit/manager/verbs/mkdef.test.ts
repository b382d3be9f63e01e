import { describe, expect, it } from 'vitest';
import { Definitions } from './definitions.ts';

const one = '1 object definitions have been created or modified.\n';
const failed = 'Error: [mn]: One or more errors occured when attempting to create or modify xCAT object definitions.\n';

describe('mkdef', () => {
  it('creates what a node range means, without looking it up, in one commit', () => {
    const made = new Definitions();
    const answer = made.run("mkdef -t node -o 'n[1-3]' groups=all mgt=ipmi bmc=b");
    expect(answer).toMatchObject({ exit: 0, out: '3 object definitions have been created or modified.\n', err: '' });
    expect(answer.effects.filter((effect) => effect.do === 'commit')).toHaveLength(1);
    expect(made.view.row('node', 'n2')).toEqual({ 'nodelist.groups': 'all', 'nodehm.mgt': 'ipmi', 'ipmi.bmc': 'b' });
  });

  it.each([
    ['mkdef n1', 'No object definitions have been created or modified: no attributes were specified.'],
    [
      'mkdef -t node n1',
      "No object definitions have been created or modified: no attributes were specified. The 'groups' attribute is required when creating node definitions.",
    ],
    ['mkdef -t node groups=all', 'No object names were provided.'],
    ['mkdef -t nosuch -o x a=b', "\nType 'nosuch' is not a valid xCAT object type."],
    ['mkdef -t node,group -o x groups=all', "Cannot combine multiple types with 'att=val' pairs on the command line."],
    ['mkdef n1 groups=all -i x', "The '-i' option is only valid for the lsdef command."],
    ['mkdef -p n1 groups=all', "The '-p' and '-m' options are not valid for the mkdef command."],
    [
      "mkdef -t node -o 'bad name' groups=all",
      'The object name \'bad name\' is invalid, please refer to "man xcatdb" for the valid "xCAT Object Name Format"',
    ],
    ['mkdef -t node -o n1.x groups=all', "The object name 'n1.x' is invalid, Cannot use '.' in node name."],
    [
      'mkdef -t group -o g1-g3 mgt=x',
      'The object name \'g1-g3\' is invalid, please refer to "man xcatdb" for the valid "xCAT Object Name Format"',
    ],
    [
      "mkdef -t osimage -o '../../etc' osvers=x",
      'The object name \'../../etc\' is invalid, please refer to "man xcatdb" for the valid "xCAT Object Name Format"',
    ],
    ['mkdef -z', 'No object names were provided.'],
    ['mkdef -t node -o x --template nosuch', "Could not find the template object named 'nosuch' of type 'node'."],
    ['mkdef -t node -o x --template x86_64-template', 'The attribute "bmc" must be specified!'],
    [
      'mkdef -t group -o g -d -w nosuch==1',
      "Incorrect attribute 'nosuch' in the selection string specified with -w flag.",
    ],
    ['mkdef -t group -o g -w mgt', 'Incorrect selection string specified with -w flag.'],
  ])('%s is refused', (line, text) => {
    const made = new Definitions();
    const before = JSON.stringify(made.view.objects());
    expect(made.run(line)).toMatchObject({ exit: 1, out: '', err: `Error: [mn]: ${text}\n` });
    expect(JSON.stringify(made.view.objects())).toBe(before);
  });

  it('creates the others when one is refused, and none with --strict', () => {
    const stanzas = 'n1:\n objtype=node\n groups=all\nn2:\n objtype=node\n arch=x\n';
    const err = "Error: [mn]: Attribute 'groups' is not specified for node 'n2', skipping to the next node.\n";
    const made = new Definitions();
    expect(made.run('mkdef -z', stanzas)).toMatchObject({ exit: 1, out: '', err: err + failed });
    expect(made.view.has('node', 'n1')).toBe(true);
    const strict = new Definitions();
    expect(strict.run('mkdef -z --strict', stanzas).exit).toBe(1);
    expect(strict.view.has('node', 'n1')).toBe(false);
  });

  it('leaves what exists alone with a warning, and replaces it with -f', () => {
    const made = new Definitions().with('mkdef n1 groups=all mgt=ipmi');
    const warning = (name: string): string =>
      `Warning: [mn]: A definition for '${name}' already exists. No changes will be made.  Run again with '-f' option to force replace.\n`;
    expect(made.run('mkdef n1,n2 groups=x')).toMatchObject({ exit: 0, out: one, err: warning('n1') });
    const none = 'Error: [mn]: 0 object definitions have been created or modified.\n';
    expect(made.run('mkdef n1 groups=x')).toMatchObject({ exit: 1, out: '', err: warning('n1') + none });
    expect(made.run('mkdef -f n1 groups=y')).toMatchObject({ exit: 0, out: one });
    expect(made.view.row('node', 'n1')).toEqual({ 'nodelist.groups': 'y' });
  });

  it('refuses bound attributes and keeps what was there, even with -f', () => {
    const made = new Definitions().with('mkdef n1 groups=all');
    const err = "Error: [mn]: Cannot set the attr='bmc' attribute unless mgt value is ipmi or openbmc.\n";
    expect(made.run('mkdef -f n1 groups=x bmc=b')).toMatchObject({ exit: 1, out: '', err: err + failed });
    expect(made.view.row('node', 'n1')).toEqual({ 'nodelist.groups': 'all' });
  });

  it('lets nodes rely on what the same file gives to their groups', () => {
    const made = new Definitions();
    const answer = made.run('mkdef -z', 'n1:\n objtype=node\n groups=g\n bmc=b\ng:\n objtype=group\n mgt=ipmi\n');
    expect(answer).toMatchObject({ exit: 0, out: '2 object definitions have been created or modified.\n' });
    expect(made.view.row('node', 'n1')?.['ipmi.bmc']).toBe('b');
  });

  it('makes static groups of members or of those who fit, and dynamic groups of conditions', () => {
    const made = new Definitions().with('mkdef n1-n2 groups=all mgt=ipmi', 'mkdef n3 groups=all');
    expect(made.run('mkdef -t group -o g1 members=n3,nosuch')).toMatchObject({
      exit: 1,
      out: one,
      err: "Error: [mn]: Could not find a node named 'nosuch', skipping to the next node.\n",
    });
    made.with('mkdef -t group -o g2 -w mgt==ipmi', 'mkdef -t group -o g3 -d -w mgt==ipmi -w os==x');
    expect(made.view.row('node', 'n3')?.['nodelist.groups']).toBe('all,g1');
    expect(made.view.row('node', 'n1')?.['nodelist.groups']).toBe('all,g2');
    expect(made.view.row('group', 'g2')).toEqual({ 'nodegroup.grouptype': 'static', 'nodegroup.members': 'static' });
    expect(made.view.row('group', 'g3')).toEqual({
      'nodegroup.grouptype': 'dynamic',
      'nodegroup.members': 'dynamic',
      'nodegroup.wherevals': 'mgt==ipmi::os==x',
    });
  });

  it('starts from a template, shipped or existing', () => {
    const made = new Definitions().with(
      'mkdef s1 --template switch-template ip=10.0.0.9',
      'mkdef s2 --template s1 groups=new',
    );
    expect(made.run('lsdef s2 -i groups,ip,mgt,switchtype').out).toBe(
      'Object name: s2\n    groups=new\n    ip=10.0.0.9\n    mgt=switch\n    switchtype=\n',
    );
  });

  it('takes model for mtm with a warning, and complains about other words', () => {
    const made = new Definitions();
    const answer = made.run('mkdef -z', 'n1:\n objtype=node\n groups=all\n model=9118-575\n');
    expect(answer).toMatchObject({ exit: 0, out: one });
    expect(answer.err).toContain("'model' of 'n1' is taken as 'mtm'");
    expect(made.view.row('node', 'n1')?.['vpd.mtm']).toBe('9118-575');
    expect(made.run('mkdef -z', 'n2:\n objtype=node\n groups=all\n modle=x\n')).toMatchObject({ exit: 1, out: '' });
    expect(made.view.has('node', 'n2')).toBe(false);
  });

  it.each([
    ['a value of a megabyte', `usercomment=${'x'.repeat(1_000_000)}`],
    ['a control character', "usercomment='a\u001bb'"],
    ['a line feed', "usercomment='a\nb'"],
  ])('refuses %s', (_, attribute) => {
    const made = new Definitions();
    expect(made.run(`mkdef n1 groups=all ${attribute}`).exit).toBe(1);
    expect(made.view.has('node', 'n1')).toBe(false);
  });

  it('drops scripts that every node runs', () => {
    const made = new Definitions();
    expect(made.run('mkdef n1 groups=all postscripts=syslog,mine')).toMatchObject({
      exit: 0,
      err: "Warning: [mn]: n1: postscripts 'syslog' is already included in the 'xcatdefaults'.\n",
    });
    expect(made.view.row('node', 'n1')?.['postscripts.postscripts']).toBe('mine');
  });

  it('answers with data when asked to', () => {
    const answer = new Definitions().run('mkdef n1 groups=all', undefined, true);
    expect(answer).toMatchObject({ exit: 0, out: '', data: [{ written: [{ type: 'node', name: 'n1' }] }] });
  });
});
