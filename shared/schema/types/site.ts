import { objectType } from '../object-type.ts';

/**
 * Settings of the whole cluster: one object, `clustersite`, that takes any attribute name; the value of key K is kept
 * as `site.K`. Source: facts on objects, section 7.
 */
export const site = objectType('site', 'master', []);
