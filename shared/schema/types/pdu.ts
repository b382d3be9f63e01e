import { at, objectType } from '../object-type.ts';

/** Power distribution units: nodes seen through the pdu table; the values are kept with the node. */
export const pdu = objectType('pdu', 'node', [
  at('node', 'pdu.node', 'object key, the node'),
  at('nodetype', 'pdu.nodetype', 'pdu'),
  at('outlet', 'pdu.outlet', 'number of outlets', { when: 'nodetype=pdu' }),
]);
