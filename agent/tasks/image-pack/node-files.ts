import { runtimeFolder } from '../../../shared/distro/node-runtime.ts';
import { textFile } from '../../../shared/text/text-file.ts';
import type { Additions } from './additions.ts';
import type { Survey } from './survey.ts';

const unit = 'hostler-files.service';
const unitText = textFile(import.meta.url, './hostler-files.service');

/** What the unit says, where packages bring Node.js. */
const usualNode = '/usr/bin/node';
const ownNode = `/${runtimeFolder}/bin/node`;

/**
 * Services wait for basic.target, and that waits for this: nothing starts before its files are there. It waits itself for
 * sysinit.target, so that whatever writes accounts and folders at every start has done so.
 */
export async function addNodeFilesUnit(additions: Additions, survey: Survey): Promise<void> {
  const hasOwn = survey.kept.some(({ path }) => path === `.${ownNode}`);
  await additions.put(`usr/lib/systemd/system/${unit}`, hasOwn ? unitText.replace(usualNode, ownNode) : unitText);
  await additions.link(`etc/systemd/system/basic.target.wants/${unit}`, `/usr/lib/systemd/system/${unit}`);
}
