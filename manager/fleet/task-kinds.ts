import { bootApplyKind, bootApplyVersion } from '../../shared/task/boot-apply.ts';
import { filesKind, filesVersion } from '../../shared/task/files.ts';
import { imageBuildKind, imageBuildVersion } from '../../shared/task/image-build.ts';
import { imagePackKind, imagePackVersion } from '../../shared/task/image-pack.ts';
import { mediaKind, mediaVersion } from '../../shared/task/media.ts';
import { scriptsKind, scriptsVersion } from '../../shared/task/scripts.ts';

/** The version of each kind of task that this manager's verbs write. A kind that is not here is in its first version. */
const versions: Readonly<Record<string, number>> = {
  [bootApplyKind]: bootApplyVersion,
  [filesKind]: filesVersion,
  [imageBuildKind]: imageBuildVersion,
  [imagePackKind]: imagePackVersion,
  [mediaKind]: mediaVersion,
  [scriptsKind]: scriptsVersion,
};

export function taskKindVersion(kind: string): number {
  return versions[kind] ?? 1;
}
