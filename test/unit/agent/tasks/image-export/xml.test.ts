import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { child, parseXml, xmlText, type Element } from '../../../../../agent/tasks/image-export/xml.ts';

const name = fc.stringMatching(/^[A-Za-z_][\w.-]{0,8}$/);
const text = fc.string({ unit: 'grapheme' }).map((one) => one.trim().replace(/\r/g, ''));
const element: fc.Arbitrary<Element> = fc.letrec<{ one: Element }>((tie) => ({
  one: fc.oneof(
    { depthSize: 'small' },
    fc.record({ name, text, children: fc.constant([]) }),
    fc.record({ name, text: fc.constant(''), children: fc.array(tie('one'), { maxLength: 3, minLength: 1 }) }),
  ),
})).one;

describe('manifest.xml', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(element, (one) => {
        expect(parseXml(xmlText(one))).toEqual(one);
      }),
    );
  });

  it('takes attributes for elements, and what stands around it', () => {
    const source = `<?xml version="1.0"?>\n<!-- a remark -->\n<xcatimage imagename="a&amp;b"><x/></xcatimage>\n`;
    const root = parseXml(source);
    expect(child(root, 'imagename')?.text).toBe('a&b');
    expect(child(root, 'x')).toEqual({ name: 'x', text: '', children: [] });
  });

  it.each([
    '',
    '<a>',
    '<a></b>',
    '</a>',
    '<a/><b/>',
    '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
    '<a b=c/>',
    'text',
    '<a><![CDATA[x]]></a>',
  ])('refuses %j', (source) => {
    expect(() => parseXml(source)).toThrow('invalid manifest.xml file inside the bundle.  Please verify the XML');
  });
});
