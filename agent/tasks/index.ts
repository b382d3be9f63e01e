import { bootApply } from './boot-apply/boot-apply.ts';
import { buildLists } from './build-lists/kind.ts';
import { captureTasks } from './clone/capture/index.ts';
import { captureDiskless } from './clone/diskless/capture.ts';
import { cloneLook } from './clone/generations/look.ts';
import { cloneUse } from './clone/generations/use.ts';
import { cloneServe } from './clone/sync/serve.ts';
import { cloneSync } from './clone/sync/sync.ts';
import { captureClassic } from './clone/systemimager/classic.ts';
import { cloneCluster } from './clone/systemimager/files.ts';
import { clonePack } from './clone/pack.ts';
import { files } from './files/kind.ts';
import { imageBuild } from './image-build/kind.ts';
import { imageCache } from './image-cache/kind.ts';
import { imageDiff } from './image-diff/kind.ts';
import { imageExport } from './image-export/export.ts';
import { imageImport } from './image-export/import.ts';
import { imagePack } from './image-pack/kind.ts';
import { imageRemove } from './image-remove/kind.ts';
import { imageTest } from './image-test/kind.ts';
import { media } from './media/kind.ts';
import { imageLists } from './media/lists-kind.ts';
import { scripts } from './scripts/kind.ts';
import { nimTasks } from './nim/index.ts';
import { storeCollect, storeVerify } from './store/kinds.ts';
import type { TaskKind } from './types.ts';

/** Every kind of task that this agent knows; one line a kind. */
export const taskKinds: readonly TaskKind[] = [
  bootApply,
  clonePack,
  cloneUse,
  cloneLook,
  cloneServe,
  cloneCluster,
  cloneSync,
  ...captureTasks,
  captureDiskless,
  captureClassic,
  scripts,
  buildLists,
  imageBuild,
  imagePack,
  imageCache,
  imageDiff,
  imageTest,
  imageExport,
  imageImport,
  imageRemove,
  storeCollect,
  storeVerify,
  media,
  imageLists,
  files,
  ...nimTasks,
];
