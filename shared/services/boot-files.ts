import { httpBase } from '../boot/address.ts';

/** What machines are told to load, by what asks: the same as shared/boot/dnsmasq.ts tells. */
export function bootFiles(
  server: string,
  httpPort: number,
): { readonly ipxe: string; readonly efi: string; readonly bios: string } {
  return { ipxe: `${httpBase(server, httpPort)}/boot.ipxe`, efi: 'snponly.efi', bios: 'undionly.kpxe' };
}
