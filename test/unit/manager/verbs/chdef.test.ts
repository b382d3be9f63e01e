import { describe, expect, it } from 'vitest';
import { Definitions } from './definitions.ts';

const one = '1 object definitions have been created or modified.\n';
const none = 'No object definitions have been created or modified.\n';
const failed = 'Error: [mn]: One or more errors occured when attempting to create or modify xCAT object definitions.\n';
const nodes = (): Definitions => new Definitions().with('mkdef n1-n3 groups=all,lab mgt=ipmi bmc=b');

describe('chdef', () => {
  it('changes, creates and says which', () => {
    const made = nodes();
    expect(made.run('chdef n1,n9 mgt=openbmc groups=x')).toMatchObject({
      exit: 0,
      out: "2 object definitions have been created or modified.\nNew object definitions 'n9' have been created.\n",
    });
    expect(made.run('chdef -t node -o nosuch')).toMatchObject({ exit: 0, out: none });
    expect(made.run('chdef N5 groups=all').err).toContain("The node name 'N5' contains capital letters");
  });

  it('writes the valid attributes beside an invalid one', () => {
    const made = nodes();
    const err =
      "Error: [mn]: 'nosuch' is not a valid attribute name for an object type of 'node'.\nError: [mn]: Skipping to the next attribute.\n";
    expect(made.run('chdef n1 os=x nosuch=1')).toMatchObject({ exit: 1, out: '', err: err + failed });
    expect(made.view.row('node', 'n1')?.['nodetype.os']).toBe('x');
  });

  it('changes nothing of any object with --strict when one is refused', () => {
    const made = nodes();
    expect(made.run('chdef n1,n9 os=x --strict').exit).toBe(1);
    expect(made.view.row('node', 'n1')).not.toHaveProperty(['nodetype.os']);
  });

  it('clears a value, keeps the row of its table and lets the group through again', () => {
    const made = nodes().with('mkdef -t group -o other os=fromgroup members=n1', 'chdef n1 os=own');
    expect(made.run('lsdef n1 -i os').out).toContain('os=own');
    made.with('chdef n1 os=');
    expect(made.view.row('node', 'n1')?.['nodetype.os']).toBe('');
    expect(made.run('lsdef n1 -i os').out).toContain('os=fromgroup');
  });

  it('adds what is missing, starting from what is inherited', () => {
    const made = nodes().with('chdef -t group -o lab postscripts=a,b', 'chdef n1 -p postscripts=b,c');
    expect(made.view.row('node', 'n1')?.['postscripts.postscripts']).toBe('a,b,c');
  });

  it('takes away, and refuses to take away what is not there', () => {
    const made = nodes();
    expect(made.run('chdef n1 -m groups=lab')).toMatchObject({ exit: 0, out: one });
    const err = "Error: [mn]: x is not in the attribute of 'groups' for the 'n2' definition.\n";
    expect(made.run('chdef n2 -m groups=lab,x')).toMatchObject({ exit: 1, out: none, err });
    expect(made.view.row('node', 'n2')?.['nodelist.groups']).toBe('all,lab');
    expect(made.run('chdef n2 -m os=x').err).toBe(
      "Error: [mn]: No value got for attribute 'os' for the 'n2' definition.\n",
    );
    expect(made.run('chdef nosuch -m groups=x').err).toContain(
      "The '-m' option is not valid since the 'nosuch' definition",
    );
  });

  it('keeps the other interfaces, and forgets the one that is emptied', () => {
    const made = nodes().with(
      'chdef n1 nicips.eth0=1.1.1.1 nicips.eth1=2.2.2.2',
      'chdef n1 nicips.eth2=3.3.3.3',
      'chdef n1 nicips.eth0=',
    );
    expect(made.view.row('node', 'n1')?.['nics.nicips']).toBe('eth1!2.2.2.2,eth2!3.3.3.3');
    expect(made.run('chdef n1 -p nicips.eth0=x').err).toContain(
      'chdef does not support to change the nic related attributes',
    );
  });

  it('changes the members of a group', () => {
    const made = nodes().with('mkdef -t group -o g members=n1');
    made.with(
      'chdef -t group -o g -p members=n2',
      'chdef -t group -o g members=n2,n3',
      'chdef -t group -o g -m members=n3',
    );
    expect(made.run('lsdef -t group -o g -i members').out).toBe('Object name: g\n    members=n2\n');
    expect(made.run('chdef -t group -o g -m members=n1').err).toBe("Error: [mn]: n1 is not a member of 'g'.\n");
    made.with('chdef -t group -o g members=');
    expect(made.run('lsdef -t group -o g -i members').out).toBe('Object name: g\n    members=n2\n');
  });

  it('adds and removes conditions of a dynamic group, and assigns nothing else to it', () => {
    const made = nodes().with('mkdef -t group -o d -d -w mgt==ipmi', 'chdef -t group -o d -d -p -w os==x');
    expect(made.view.row('group', 'd')?.['nodegroup.wherevals']).toBe('mgt==ipmi::os==x');
    made.with('chdef -t group -o d -d -m -w os==x');
    expect(made.view.row('group', 'd')?.['nodegroup.wherevals']).toBe('mgt==ipmi');
    const err = "Error: [mn]: Can not assign attributes to dynamic node group 'd'.\n";
    expect(made.run('chdef -t group -o d mgt=x')).toMatchObject({ exit: 1, err: err + failed });
    expect(made.run('chdef -t group -o d -d')).toMatchObject({ exit: 0, out: none });
  });

  it('moves everything to the new name', () => {
    const made = nodes();
    const before = made.view.row('node', 'n1');
    expect(made.run('chdef n1 -n m1')).toMatchObject({ exit: 0, out: 'Changed the object name from n1 to m1.\n' });
    expect(made.view.row('node', 'm1')).toEqual(before);
    expect(made.view.has('node', 'n1')).toBe(false);
    expect(made.run('chdef m1 -n n2').err).toBe('Error: [mn]: Object n2 already exists.\n');
    expect(made.run('chdef nosuch -n x').err).toBe('Error: [mn]: The nosuch is not a valid object.\n');
    expect(made.run('chdef m1 -n a.b').exit).toBe(1);
    expect(made.run('chdef n2,n3 -n x').exit).toBe(1);
  });

  it('sets and removes keys of the site, whatever the object is called', () => {
    const made = new Definitions().with(
      'chdef -t site domain=a.test x=1',
      'chdef -t site -p x=2',
      'chdef -t site domain=',
    );
    expect(made.view.row('site', 'clustersite')).toMatchObject({ 'site.x': '1,2' });
    expect(made.view.row('site', 'clustersite')).not.toHaveProperty(['site.domain']);
    expect(made.run('chdef -t site -o other x=3')).toMatchObject({ exit: 0, out: one });
    expect(made.view.row('site', 'clustersite')?.['site.x']).toBe('3');
  });

  it('makes a NIM image of an osimage that says nothing else', () => {
    const made = new Definitions().with('chdef -t osimage -o img osvers=x');
    expect(made.view.row('osimage', 'img')).toEqual({ 'osimage.osvers': 'x', 'osimage.imagetype': 'NIM' });
  });

  it.each([
    'chdef -f n1 os=x',
    'chdef -t node -z',
    'chdef -t osimage -u -p img profile=x',
    'chdef -t node os=x',
    'chdef n1 -i os',
  ])('%s is refused', (line) => {
    const made = nodes();
    const before = JSON.stringify(made.view.objects());
    expect(made.run(line, '').exit).toBe(1);
    expect(JSON.stringify(made.view.objects())).toBe(before);
  });

  it('checks networks when they are made, not when they are changed', () => {
    const made = new Definitions().with(
      'mkdef -t network -o a net=10.0.0.0 mask=255.0.0.0',
      'chdef -t network -o a gateway=10.0.0.1',
    );
    expect(made.run('chdef -t network -o b gateway=x').err).toContain(
      "Net or mask value should not be empty for xCAT network object 'b'.",
    );
    expect(made.run('chdef -t network -o b net=10.0.0.0 mask=255.0.0.0').err).toContain(
      "called 'a' already exists that contains the same",
    );
    expect(made.view.has('network', 'b')).toBe(false);
  });
});
