import { at, objectType } from '../object-type.ts';

/**
 * Type kitrepo. Source: facts on objects, section 10.
 */
export const kitrepo = objectType('kitrepo', 'kitreponame', [
  at('kitreponame', 'kitrepo.kitreponame', 'name of the kit repository'),
  at('kitname', 'kitrepo.kitname', 'name of the kit'),
  at('osbasename', 'kitrepo.osbasename', 'operating system the repository is for'),
  at('osmajorversion', 'kitrepo.osmajorversion', 'its major version'),
  at('osminorversion', 'kitrepo.osminorversion', 'its minor version'),
  at('osarch', 'kitrepo.osarch', 'its architecture'),
  at('compat_osbasenames', 'kitrepo.compat_osbasenames', 'other operating systems that may use it'),
  at('kitrepodir', 'kitrepo.kitrepodir', 'folder of the repository'),
]);
