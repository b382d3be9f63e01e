import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { CommandDefinition } from '../../../../cli/command.ts';
import { rangeFiles, runRequest, shortCommand } from '../../../../cli/run/request.ts';

const folder = mkdtempSync(join(tmpdir(), 'hostler-request-'));
const list = join(folder, 'nodes');
writeFileSync(list, 'n01\nn02\n');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const definition: CommandDefinition = {
  name: 'nodels',
  summary: '',
  usage: [],
  nodeRange: 'first',
  changes: true,
  options: [
    { long: 'object', short: 'o', value: 'NAMES', nodeRange: true, help: '' },
    { long: 'template', value: 'FILE', file: true, help: '' },
  ],
};

describe('runRequest', () => {
  it('sends options by canonical name and common options as what they mean', () => {
    const line = { options: { object: ['a', 'b'], plan: [''], json: [''] }, operands: ['x'] };
    const request = runRequest(definition, line, 'c1');
    expect(request).toMatchObject({ verb: 'nodels', plan: true, json: true, correlation: 'c1', operands: ['x'] });
    expect(request.options).toEqual({ object: { items: ['a', 'b'] } });
  });

  it('opens the files of node ranges, and only there', () => {
    const line = { options: {}, operands: [`^${list},n9`, `comments=^${list}`] };
    expect(runRequest(definition, line, '').files).toEqual({ [list]: Buffer.from('n01\nn02\n') });
  });

  it('makes an empty range of a file that cannot be read, and refuses a missing file of an option', () => {
    expect(runRequest(definition, { options: { object: ['^/no/such'] }, operands: [] }, '').files).toEqual({
      '/no/such': Buffer.alloc(0),
    });
    expect(() => runRequest(definition, { options: { template: ['/no/such'] }, operands: [] }, '')).toThrow(
      "'/no/such' cannot be read",
    );
  });
});

describe('rangeFiles', () => {
  it('finds ^file wherever an element may begin', () => {
    expect(rangeFiles('^/a,n1,-^/b,(n2@^/c)')).toEqual(['/a', '/b', '/c']);
    expect(rangeFiles('n1,groups=~^x')).toEqual([]);
  });
});

describe('shortCommand', () => {
  it('leaves out the values of secrets', () => {
    expect(shortCommand('chdef', ['-t', 'node', 'n1', 'bmcpassword=hunter2'])).toBe(
      "chdef -t node n1 'bmcpassword=***'".replaceAll("'", ''),
    );
    expect(shortCommand('tabch', ['key=system', 'passwd.password=hunter2'])).not.toContain('hunter2');
    expect(shortCommand('mkdef', ['x', 'comments=two words'])).toBe("mkdef x 'comments=two words'");
  });
});
