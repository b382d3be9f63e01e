import { describe, expect, it } from 'vitest';
import { Definitions } from './definitions.ts';

const nodes = (): Definitions =>
  new Definitions().with('mkdef n1-n3 groups=all,lab mgt=ipmi', 'mkdef -t group -o d -d -w mgt==ipmi');

describe('rmdef', () => {
  it('removes what is there and complains about the rest', () => {
    const made = nodes();
    expect(made.run('rmdef n1,n2,nosuch')).toMatchObject({
      exit: 1,
      out: '2 object definitions have been removed.\n',
      err: "Error: [mn]: Could not find an object named 'nosuch' of type 'node'.\n",
    });
    expect([...made.view.rows('node')].map(([name]) => name)).toEqual(['n3']);
    expect(made.run('rmdef nosuch').out).toBe('No objects have been removed from the xCAT database.\n');
  });

  it('removes nothing with --strict when something is missing', () => {
    const made = nodes();
    expect(made.run('rmdef n1,nosuch --strict').exit).toBe(1);
    expect(made.view.has('node', 'n1')).toBe(true);
  });

  it('takes a group out of the lists of its members', () => {
    const made = nodes().with('chdef -t group -o lab os=x', 'rmdef -t group -o lab');
    expect(made.view.row('node', 'n1')?.['nodelist.groups']).toBe('all');
    expect(made.view.has('group', 'lab')).toBe(false);
  });

  it('removes the members when a group is named where nodes are meant', () => {
    const made = nodes();
    expect(made.run('rmdef -t node -o d').out).toBe('3 object definitions have been removed.\n');
    expect(made.view.has('group', 'd')).toBe(true);
  });

  it('leaves no report of a removed node behind', () => {
    const made = nodes();
    made.view.observe('node', 'n1', { 'nodelist.status': 'booted' });
    made.with('rmdef n1', 'mkdef n1 groups=all');
    expect(made.run('lsdef n1 -i status').out).toBe('Object name: n1\n    status=\n');
  });

  it('removes everything only when told twice', () => {
    const made = nodes();
    expect(made.run('rmdef -a')).toMatchObject({
      exit: 1,
      err: "Error: [mn]: You must use the '-f' option when using the '-a' option.\n",
    });
    expect(made.run('rmdef -a -f')).toMatchObject({ exit: 0 });
    expect(made.view.count('node') + made.view.count('policy') + made.view.count('site')).toBe(0);
  });

  it('names what is removed with -V', () => {
    expect(nodes().run('rmdef -V n1').out).toBe('The following objects were removed:\nn1\n');
  });

  it('says which service processors stay behind', () => {
    const made = new Definitions().with(
      'mkdef c1 groups=cec mgt=fsp nodetype=ppc hwtype=cec',
      'mkdef f1 groups=fsp mgt=fsp nodetype=ppc hwtype=fsp parent=c1',
    );
    expect(made.run('rmdef c1').err).toBe(
      'Warning: [mn]: You have removed a cec node, please remove these nodes belongs to it manually: f1 .\n',
    );
  });

  it.each(['rmdef -t node', 'rmdef -d n1', 'rmdef -w mgt==ipmi n1', 'rmdef -t x -o y', 'rmdef n1 -z'])(
    '%s is refused',
    (line) => {
      const made = nodes();
      expect(made.run(line).exit).toBe(1);
      expect(made.view.count('node')).toBe(3);
    },
  );
});
