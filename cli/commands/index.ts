import type { CommandDefinition } from '../command.ts';
import { chdef } from './chdef.ts';
import { chkosimage } from './chkosimage.ts';
import { chtab } from './chtab.ts';
import { copycds } from './copycds.ts';
import { genimage } from './genimage.ts';
import { dumpxCATdb } from './dumpxcatdb.ts';
import { gettab } from './gettab.ts';
import { image } from './image.ts';
import { imagecache } from './imagecache.ts';
import { images, lsimage } from './images.ts';
import { imgdiff } from './imgdiff.ts';
import { imgcapture } from './imgcapture.ts';
import { imgexport } from './imgexport.ts';
import { imgimport } from './imgimport.ts';
import { rmimage } from './rmimage.ts';
import { importCommand } from './import.ts';
import { lsdef } from './lsdef.ts';
import { lsxcatd } from './lsxcatd.ts';
import { makedhcp } from './makedhcp.ts';
import { makedns } from './makedns.ts';
import { makeknownhosts } from './makeknownhosts.ts';
import { makenetworks } from './makenetworks.ts';
import { makehosts } from './makehosts.ts';
import { mkdef } from './mkdef.ts';
import { mkdsklsnode } from './mkdsklsnode.ts';
import { mknimimage } from './mknimimage.ts';
import { nim } from './nim.ts';
import { nimnodecust } from './nimnodecust.ts';
import { nimnodeset } from './nimnodeset.ts';
import { nodeadd } from './nodeadd.ts';
import { nodech } from './nodech.ts';
import { nodegrpch } from './nodegrpch.ts';
import { nodels } from './nodels.ts';
import { nodepurge } from './nodepurge.ts';
import { noderm } from './noderm.ts';
import { nodes } from './nodes.ts';
import { nodeset } from './nodeset.ts';
import { nodestat } from './nodestat.ts';
import { packimage } from './packimage.ts';
import { restorexCATdb } from './restorexcatdb.ts';
import { rmdef } from './rmdef.ts';
import { rmdsklsnode } from './rmdsklsnode.ts';
import { rmnimimage } from './rmnimimage.ts';
import { tabch } from './tabch.ts';
import { tabdump } from './tabdump.ts';
import { tabedit } from './tabedit.ts';
import { tabgrep } from './tabgrep.ts';
import { tabprune } from './tabprune.ts';
import { tabrestore } from './tabrestore.ts';
import { deploys } from './deploys.ts';
import { diff } from './diff.ts';
import { undo } from './undo.ts';
import { updatenode } from './updatenode.ts';
import { xcat2nim } from './xcat2nim.ts';
import { unbuiltCommands } from './unbuilt.ts';

/** Every xCAT command name that we have, each its own link in dist/bin. In the order of the help text. */
const definitions: readonly CommandDefinition[] = [
  ...unbuiltCommands,
  mkdef,
  lsdef,
  chdef,
  rmdef,
  nodels,
  nodeadd,
  nodech,
  noderm,
  nodegrpch,
  nodepurge,
  nodestat,
  nodeset,
  makehosts,
  makenetworks,
  makeknownhosts,
  makedhcp,
  makedns,
  tabdump,
  tabgrep,
  copycds,
  genimage,
  packimage,
  lsimage,
  imgdiff,
  imgcapture,
  imgexport,
  imgimport,
  rmimage,
  gettab,
  chtab,
  tabch,
  tabrestore,
  tabprune,
  tabedit,
  dumpxCATdb,
  restorexCATdb,
  lsxcatd,
  chkosimage,
  mkdsklsnode,
  mknimimage,
  nimnodecust,
  nimnodeset,
  rmdsklsnode,
  rmnimimage,
  updatenode,
  xcat2nim,
];

/** Verbs of our own: only as `hostler NAME`, for a link of that name would hide the real program. */
const ownDefinitions: readonly CommandDefinition[] = [
  importCommand,
  undo,
  diff,
  nim,
  images,
  image,
  imagecache,
  nodes,
  deploys,
];

const byName = new Map([...definitions, ...ownDefinitions].map((definition) => [definition.name, definition]));

export function commandNames(): readonly string[] {
  return [...byName.keys()];
}

/** The names that get a link in dist/bin. */
export function linkNames(): readonly string[] {
  return definitions.map(({ name }) => name);
}

export function findCommand(name: string): CommandDefinition | undefined {
  return byName.get(name);
}
