import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Definitions } from './definitions.ts';

const made = new Definitions().with(
  "mkdef -t group -o ib nicips.ib0='|\\D+(\\d+)|10.9.0.($1)|' nictypes.ib0=infiniband mgt=ipmi members=",
  'mkdef n1 groups=all,ib bmc=b1 nicips.eth0=10.0.0.1',
  'mkdef n2 groups=all hidden=1',
  'mkdef n10 groups=all postscripts=mine',
  'mkdef -t network -o net1 net=10.0.0.0 mask=255.0.0.0',
);

describe('lsdef', () => {
  it.each([
    ['lsdef', 'n1  (node)\nn10  (node)\n'],
    ['lsdef -S', 'n1  (node)\nn10  (node)\nn2  (node)\n'],
    ['lsdef n1 -i groups,bmc,ip', 'Object name: n1\n    bmc=b1\n    groups=all,ib\n    ip=\n'],
    ['lsdef n1 -c -i mgt,nicips', 'n1: mgt=ipmi\nn1: nicips.eth0=10.0.0.1\n'],
    ['lsdef n1 --nics', 'Object name: n1\n    nicips.eth0=10.0.0.1\n    nictypes.ib0=infiniband\n'],
    [
      'lsdef n10',
      'Object name: n10\n    groups=all\n    postbootscripts=otherpkgs\n    postscripts=syslog,remoteshell,syncfiles,mine\n',
    ],
    [
      'lsdef n10 -z',
      '# <xCAT data object stanza file>\n\nn10:\n    objtype=node\n    groups=all\n    postscripts=mine\n',
    ],
    ['lsdef n10 -i node -V', 'Object name: n10\n    node=\n'],
    ['lsdef n1 -V -i bmc', 'Object name: n1\n    bmc=b1\t(Table:ipmi - Key:node - Column:bmc)\n'],
    [
      'lsdef -t network -V -o net1 -i net',
      'Object name: net1\n    net=10.0.0.0\t(Table:networks - Key: netname - Column:net)\n',
    ],
    ['lsdef -t group', 'all  (group)\nib  (group)\n'],
    [
      'lsdef -t group -o ib',
      'Object name: ib\n    grouptype=static\n    members=n1\n    mgt=ipmi\n    nicips.ib0=|\\D+(\\d+)|10.9.0.($1)|\n    nictypes.ib0=infiniband\n',
    ],
    ['lsdef -t group -i members -c', 'all: members=n1,n10,n2\nib: members=n1\n'],
    ['lsdef -w mgt==ipmi', 'n1  (node)\n'],
    ['lsdef -w mgt!=ipmi', 'No object definitions have been found\n'],
    ['lsdef -w groups=~ib -i mgt', 'Object name: n1\n    mgt=ipmi\n'],
    ['lsdef -t network -w gateway!=x', 'net1  (network)\n'],
    ['lsdef -t node,network', 'n1  (node)\nn10  (node)\nnet1  (network)\n'],
    [
      'lsdef -t network -l -t node,network -w net==10.0.0.0',
      'Object name: net1  (network)\n    mask=255.0.0.0\n    net=10.0.0.0\n',
    ],
    ['lsdef -t osimage', 'Could not find any object definitions to display.\n'],
    ['lsdef n2', ''],
    ['lsdef --template switch-template -i mgt', 'Object name: switch-template\n    mgt=switch\n'],
    ['lsdef -t network -h -i net', '\nAttribute          Description\n\nnet:\t\tnetwork address\n'],
  ])('%s', (line, out) => {
    expect(made.run(line)).toMatchObject({ exit: 0, out, err: '' });
  });

  it.each([
    [
      'lsdef nosuch',
      'No object definitions have been found\n',
      "Could not find an object named 'nosuch' of type 'node'.",
    ],
    ['lsdef n1,nosuch -s', 'n1  (node)\n', "Could not find an object named 'nosuch' of type 'node'."],
    ['lsdef n1 -i nosuch', 'Object name: n1\n', "'nosuch' is not a valid attribute name for an object type of 'node'."],
    ['lsdef n1 n10', '', 'noderange can not contain spaces.'],
    ['lsdef -l -s n1', '', "The flags '-l' and '-s' cannot be used together."],
    ['lsdef n1 -c', '', "The flags '-c' and '-i' must be used together."],
    ['lsdef -t group,x', '', "\nType 'x' is not a valid xCAT object type."],
    ['lsdef /x', '', "No node in '/x', check the noderange syntax."],
    ['lsdef -a -o n1', '', "Cannot use '-a' with '-o', a noderange or file input."],
    ['lsdef --template nosuch', '', 'Could not find nosuch in xCAT templates.'],
  ])('%s fails', (line, out, err) => {
    expect(made.run(line)).toMatchObject({ exit: 1, out, err: `Error: [mn]: ${err}\n` });
  });

  it('lists all types, each object with its type', () => {
    const { out } = made.run('lsdef -a');
    expect(out).toContain('clustersite (site)\n');
    expect(out).toContain('net1 (network)\n');
    expect(out).not.toContain('n2 (node)');
  });

  it('shows what was reported over what is defined', () => {
    const live = new Definitions().with('mkdef n1 groups=all status=defined');
    live.view.observe('node', 'n1', { 'nodelist.status': 'booted' });
    expect(live.run('lsdef n1 -i status').out).toBe('Object name: n1\n    status=booted\n');
    live.with('chdef n1 status=mine');
    expect(live.run('lsdef n1 -i status').out).toBe('Object name: n1\n    status=mine\n');
  });

  it('adds what the osimage of a node says', () => {
    const images = new Definitions().with(
      'mkdef -t osimage -o img imagetype=linux osvers=debian12 pkglist=/p',
      'mkdef n1 groups=all provmethod=img',
    );
    expect(images.run('lsdef n1 --osimage').out).toContain('    imagetype=linux\n');
    expect(images.run('lsdef n1 --osimage').out).toContain('    pkglist=/p\n');
  });

  it('gives objects as data', () => {
    expect(made.run('lsdef n1 -i mgt,nicips', undefined, true).data).toEqual([
      { type: 'node', name: 'n1', attributes: { mgt: 'ipmi', 'nicips.eth0': '10.0.0.1' } },
    ]);
    expect(made.run('lsdef', undefined, true).data).toEqual([
      { type: 'node', name: 'n1' },
      { type: 'node', name: 'n10' },
    ]);
  });

  it('writes stanzas that mkdef makes the same objects of', () => {
    const text = fc.stringMatching(/^[!#-~]([ -~]{0,12}[!#-~])?$/).filter((value) => !/^[|/]/.test(value));
    const attributes = fc.dictionary(fc.constantFrom('os', 'mac', 'bmc', 'usercomment', 'serial', 'chain'), text, {
      maxKeys: 5,
    });
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{1,6}$/), attributes, { maxKeys: 5 }), (nodes) => {
        const first = new Definitions();
        const stanzas = Object.entries(nodes).map(([name, values]) => {
          const lines = Object.entries({ groups: 'all', mgt: 'ipmi', ...values }).map(
            ([key, value]) => ` ${key}=${value}\n`,
          );
          return `${name}:\n objtype=node\n${lines.join('')}`;
        });
        first.run('mkdef -z', stanzas.join(''));
        const second = new Definitions();
        second.run('mkdef -z', first.run('lsdef -l -z').out);
        expect(second.view.objects()['node']).toEqual(first.view.objects()['node']);
      }),
      { numRuns: 40 },
    );
  });
});
