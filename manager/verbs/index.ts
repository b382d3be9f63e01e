import type { Verb } from '../../shared/verb/verb.ts';
import { mknimimage } from './mknimimage.ts';
import { rmnimimage } from './rmnimimage.ts';
import { chkosimage } from './chkosimage.ts';
import { deploys } from './deploys.ts';
import { diff } from './diff.ts';
import { suggest } from './suggest.ts';
import { undo } from './undo.ts';
import { xcat2nim } from './xcat2nim.ts';
import { nimnodeset } from './nimnodeset.ts';
import { mkdsklsnode } from './mkdsklsnode.ts';
import { rmdsklsnode } from './rmdsklsnode.ts';
import { nimnodecust } from './nimnodecust.ts';
import { nim } from './nim.ts';
import { chdef } from './chdef.ts';
import { chtab, tabch } from './chtab.ts';
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
import { importDefinitions } from './import.ts';
import { lsdef } from './lsdef.ts';
import { lsxcatd } from './lsxcatd.ts';
import { makedhcp } from './makedhcp.ts';
import { makedns } from './makedns.ts';
import { makeknownhosts } from './makeknownhosts.ts';
import { makenetworks } from './makenetworks.ts';
import { makehosts } from './makehosts.ts';
import { mkdef } from './mkdef.ts';
import { nodeadd } from './nodeadd.ts';
import { nodech } from './nodech.ts';
import { nodegrpch } from './nodegrpch.ts';
import { nodels } from './nodels.ts';
import { nodepurge } from './nodepurge.ts';
import { noderm } from './noderm.ts';
import { bootnode } from './bootnode.ts';
import { nodeset } from './nodeset.ts';
import { nodes } from './nodes.ts';
import { nodestat } from './nodestat.ts';
import { packimage } from './packimage.ts';
import { rmdef } from './rmdef.ts';
import { tabdump } from './tabdump.ts';
import { tabgrep } from './tabgrep.ts';
import { tabprune } from './tabprune.ts';
import { tabrestore } from './tabrestore.ts';
import { unbuiltVerbs } from './unbuilt.ts';
import { updatenode } from './updatenode.ts';

/** Everything that a user can ask for, by name. */
export const verbs: ReadonlyMap<string, Verb> = new Map(
  [
    ...unbuiltVerbs,
    chdef,
    chtab,
    copycds,
    genimage,
    dumpxCATdb,
    gettab,
    lsdef,
    lsxcatd,
    diff,
    suggest,
    undo,
    importDefinitions,
    makedhcp,
    makedns,
    makeknownhosts,
    makenetworks,
    makehosts,
    mkdef,
    nodeadd,
    nodech,
    nodegrpch,
    nodels,
    nodepurge,
    noderm,
    nodestat,
    nodeset,
    bootnode,
    packimage,
    image,
    imagecache,
    images,
    lsimage,
    imgdiff,
    imgcapture,
    imgexport,
    imgimport,
    rmimage,
    nodes,
    deploys,
    rmdef,
    tabch,
    tabdump,
    tabgrep,
    tabprune,
    tabrestore,
    updatenode,
    mknimimage,
    rmnimimage,
    chkosimage,
    xcat2nim,
    nimnodeset,
    mkdsklsnode,
    rmdsklsnode,
    nimnodecust,
    nim,
  ].map((verb: Verb) => [verb.name, verb]),
);
