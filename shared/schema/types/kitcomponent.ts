import { at, objectType } from '../object-type.ts';

/**
 * Type kitcomponent. Source: facts on objects, section 10.
 */
export const kitcomponent = objectType('kitcomponent', 'kitcompname', [
  at('kitcompname', 'kitcomponent.kitcompname', 'object key, the kit component'),
  at('description', 'kitcomponent.description', 'free text'),
  at('kitname', 'kitcomponent.kitname', 'name of the kit'),
  at('kitreponame', 'kitcomponent.kitreponame', 'name of the kit repository'),
  at('basename', 'kitcomponent.basename', 'name without version'),
  at('version', 'kitcomponent.version', 'version'),
  at('release', 'kitcomponent.release', 'release'),
  at('serverroles', 'kitcomponent.serverroles', 'node roles it may be installed on'),
  at('kitpkgdeps', 'kitcomponent.kitpkgdeps', 'packages it needs'),
  at('prerequisite', 'kitcomponent.prerequisite', 'packages that must be there before'),
  at('driverpacks', 'kitcomponent.driverpacks', 'driver packages'),
  at('kitcompdeps', 'kitcomponent.kitcompdeps', 'other kit components it needs'),
  at('postbootscripts', 'kitcomponent.postbootscripts', 'scripts run at first boot'),
  at('genimage_postinstall', 'kitcomponent.genimage_postinstall', 'scripts run at the end of genimage'),
  at('exlist', 'kitcomponent.exlist', 'exclude list file of diskless images'),
]);
