import { at, objectType } from '../object-type.ts';

/**
 * Type kit. Source: facts on objects, section 10.
 */
export const kit = objectType('kit', 'kitname', [
  at('kitname', 'kit.kitname', 'name of the kit'),
  at('basename', 'kit.basename', 'name without version'),
  at('description', 'kit.description', 'free text'),
  at('version', 'kit.version', 'version'),
  at('release', 'kit.release', 'release'),
  at('ostype', 'kit.ostype', 'operating-system family: linux, aix'),
  at('isinternal', 'kit.isinternal', '1 for kits made for internal use'),
  at('kitdeployparams', 'kit.kitdeployparams', 'file of deployment parameters'),
  at('kitdir', 'kit.kitdir', 'folder of the kit'),
]);
