import { HostlerError } from '../errors/error.ts';
import type { Firmware } from '../layout/layout.ts';
import { quoted, quotedLine } from '../text/shell-words.ts';
import type { BootLoader } from './facts.ts';

/**
 * Lines that make the disk start by itself. GRUB's programs are the clone's own, run in it; nothing is written to the
 * machine's firmware but, where that works, the entry that names the clone. Throws `failed_precondition` when the
 * packages of the golden image do not serve this firmware: then nothing was written yet.
 */
export function loaderLines(loader: BootLoader, firmware: Firmware, disks: readonly string[], node: string): string[] {
  if (loader.family === 'none' || !loader[firmware]) {
    const what = firmware === 'uefi' ? 'UEFI (grub-efi)' : 'BIOS (grub-pc)';
    throw new HostlerError(
      'failed_precondition',
      `${node} starts by ${firmware === 'uefi' ? 'UEFI' : 'BIOS'}, and the golden image has no boot loader for ${what}. Nothing was written. Install its package on the golden client and capture again, or switch the node's firmware.`,
    );
  }
  return loader.family === 'debian' ? debian(firmware, disks) : grub2(loader, firmware, disks);
}

function debian(firmware: Firmware, disks: readonly string[]): string[] {
  const install =
    firmware === 'bios'
      ? disks.map((disk) => `in_target grub-install --target=i386-pc --recheck ${quoted(disk)}`)
      : [
          // The place that firmware looks at without any entry; the second is where packages keep theirs up to date.
          'in_target grub-install --target=x86_64-efi --efi-directory=/boot/efi --no-nvram --removable',
          'in_target grub-install --target=x86_64-efi --efi-directory=/boot/efi --no-nvram',
        ];
  return [...install, 'in_target update-grub'];
}

function grub2({ family, vendor }: BootLoader, firmware: Firmware, disks: readonly string[]): string[] {
  const configuration = 'in_target grub2-mkconfig -o /boot/grub2/grub.cfg';
  if (firmware === 'bios') return [...disks.map((disk) => `in_target grub2-install ${quoted(disk)}`), configuration];
  return family === 'suse'
    ? ['in_target shim-install --removable', configuration]
    : // Signed programs must stay as they are: the ones that were captured are put where any firmware looks.
      [`fallback_loader ${quotedLine([vendor])}`, configuration];
}
