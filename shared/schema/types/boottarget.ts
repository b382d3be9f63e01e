import { at, objectType } from '../object-type.ts';

/**
 * Type boottarget. Source: facts on objects, section 10.
 */
export const boottarget = objectType('boottarget', 'bprofile', [
  at('bprofile', 'boottarget.bprofile', 'object key, the boot profile'),
  at('kernel', 'boottarget.kernel', 'kernel path'),
  at('initrd', 'boottarget.initrd', 'initial ramdisk path'),
  at('kcmdline', 'boottarget.kcmdline', 'kernel arguments'),
  at('comments', 'boottarget.comments', 'free text'),
]);
