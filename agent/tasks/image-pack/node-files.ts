import { textFile } from '../../../shared/text/text-file.ts';
import type { Additions } from './additions.ts';

const unit = 'hostler-files.service';
const unitText = textFile(import.meta.url, './hostler-files.service');

/** Services wait for basic.target, and that waits for this: nothing starts before its files are there. */
export async function addNodeFilesUnit(additions: Additions): Promise<void> {
  await additions.put(`usr/lib/systemd/system/${unit}`, unitText);
  await additions.link(`etc/systemd/system/basic.target.wants/${unit}`, `/usr/lib/systemd/system/${unit}`);
}
