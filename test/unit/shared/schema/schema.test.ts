import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  columnMeaning,
  groupType,
  isSecret,
  nodeType,
  objectTypes,
  rowKeys,
  rowName,
  tableSummaries,
  tables,
} from '../../../../shared/schema/index.ts';

describe('schema', () => {
  it('keeps every attribute in a column that its table has', () => {
    for (const type of objectTypes.values()) {
      for (const { name, column } of type.attributes) {
        const [table = '', field = '', qualifier] = column.split('.');
        const described = tables.get(table);
        expect(described?.columns, `${type.name}.${name}`).toContain(field);
        expect(described?.qualifiedBy !== undefined, `${type.name}.${name}`).toBe(qualifier !== undefined);
      }
    }
  });

  it('asks only for conditions on attributes of the same type', () => {
    for (const type of objectTypes.values()) {
      for (const { name, when } of type.attributes) {
        if (when !== undefined) expect(type.byName.has(when.attribute), `${type.name}.${name}`).toBe(true);
      }
    }
  });

  it('names every table once, in the order of tabdump', () => {
    const names = [...tables.keys()];
    expect(names).toEqual([...names].sort());
    expect(names).toHaveLength(73);
  });

  it('lists key columns among the columns, and a holder for each', () => {
    for (const table of tables.values()) {
      for (const key of [...table.keys, ...table.named]) expect(table.columns, table.name).toContain(key);
      expect(new Set(table.columns).size, table.name).toBe(table.columns.length);
    }
  });

  it('says of every table and every column what it is for', () => {
    const shown = new Set(
      [...objectTypes.values()].flatMap(({ attributes }) => attributes.map(({ column }) => column)),
    );
    for (const table of tables.values()) {
      expect(tableSummaries.get(table.name), table.name).toMatch(/\w/);
      for (const column of table.columns) {
        const known = shown.has(`${table.name}.${column}`) || columnMeaning(table.name, column) !== undefined;
        expect(known, `${table.name}.${column}`).toBe(true);
      }
    }
    for (const type of objectTypes.values()) {
      for (const { name, meaning } of type.attributes) expect(meaning, `${type.name}.${name}`).toMatch(/\w/);
    }
  });

  it('gives groups what nodes have, but for the list of nodes itself', () => {
    for (const [name, entries] of nodeType.byName) {
      const own = entries.every(({ table }) => table === 'nodelist');
      expect(groupType.byName.has(name), name).toBe(!own || name === 'usercomment');
    }
    expect(groupType.byName.get('usercomment')?.[0]?.column).toBe('nodegroup.comments');
  });

  it('says that what is secret for an attribute is secret for its column', () => {
    for (const type of objectTypes.values()) {
      for (const { column, secret, name } of type.attributes)
        expect(isSecret(column), `${type.name}.${name}`).toBe(secret);
    }
    expect(isSecret('ppcdirect.password.HMC')).toBe(true);
    expect(isSecret('ppcdirect.username.HMC')).toBe(false);
  });

  it('joins key values to names that come apart again', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { minLength: 1, maxLength: 4 }), (values) => {
        expect(rowKeys(rowName(values), values.length)).toEqual(values);
      }),
    );
  });
});
