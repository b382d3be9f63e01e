import { attribute } from '../../../shared/objects/index.ts';
import { secretOf } from '../../../shared/verb/secret.ts';
import { valueIn, type View } from '../../../shared/verb/view.ts';

/**
 * Of the passwd table, key system: what xCAT writes into images. Only a reference stands in the job; without the row
 * root stays as it is in the tree. `site.secureroot`: nobody logs in as root.
 */
export function rootPassword(known: View): string {
  if (/^(?:1|yes|y)$/i.test(attribute(known, 'site', 'clustersite', 'secureroot')?.value ?? '')) return '';
  const name = ['system,root', 'system,', 'system'].find(
    (key) => (valueIn(known.row('passwd', key), 'passwd.password') ?? '') !== '',
  );
  return name === undefined ? '' : (secretOf('passwd', name, 'passwd.password') as unknown as string);
}
