import { at, objectType } from '../object-type.ts';

/**
 * Operating-system images; the detail table is chosen by imagetype. Source: facts on objects, section 5.
 */
export const osimage = objectType('osimage', 'imagename', [
  at('imagename', 'osimage.imagename', 'object key, the image name'),
  at('groups', 'osimage.groups', 'comma list of image groups, usable in litefile and litetree'),
  at('imagetype', 'osimage.imagetype', 'linux, windows, NIM; selects the detail table'),
  at('description', 'osimage.description', 'free text'),
  at(
    'provmethod',
    'osimage.provmethod',
    'how it is put on a node: install, netboot, statelite, boottarget, dualboot, sysclone',
  ),
  at('osdistroname', 'osimage.osdistroname', 'osdistro object used as the source'),
  at('osupdatename', 'osimage.osupdatename', 'comma list of osdistroupdate objects'),
  at('cfmdir', 'osimage.cfmdir', 'historical (PCM) configuration file management directory'),
  at('rootfstype', 'osimage.rootfstype', 'nfs (default) or ramdisk, statelite only', { when: 'imagetype=linux' }),
  at('nfsrootopts', 'osimage.nfsrootopts', 'extra NFS root options; rw and defaults are refused', {
    when: 'imagetype=linux',
  }),
  at('profile', 'osimage.profile', 'name used to look for templates/package lists (compute, service, ...)'),
  at('osname', 'osimage.osname', 'Linux, AIX, Windows'),
  at('osvers', 'osimage.osvers', 'OS name+version, e.g. rhels6.3'),
  at('osarch', 'osimage.osarch', 'architecture of the image'),
  at('synclists', 'osimage.synclists', 'comma list of synclist files'),
  at(
    'postscripts',
    'osimage.postscripts',
    'comma list of scripts run at the end of the install (or at diskless boot); each may carry arguments',
  ),
  at(
    'postbootscripts',
    'osimage.postbootscripts',
    'comma list of scripts run at the first boot after install, or after postscripts on diskless',
  ),
  at('serverrole', 'osimage.serverrole', 'mgtnode, servicenode, compute, login, storage, utility'),
  at('isdeletable', 'osimage.isdeletable', 'flag: may the image be deleted'),
  at('kitcomponents', 'osimage.kitcomponents', 'comma list of kit components'),
  at(
    'template',
    'linuximage.template',
    'installer template (kickstart, autoyast, preseed, ...); windows: answer file',
    { when: 'imagetype=linux' },
  ),
  at('boottarget', 'linuximage.boottarget', 'boottarget row to boot instead of the computed kernel', {
    when: 'imagetype=linux',
  }),
  at(
    'addkcmdline',
    'linuximage.addkcmdline',
    'extra kernel arguments; words prefixed with R:: go to the installed OS instead of the installer',
    { when: 'imagetype=linux' },
  ),
  at('pkglist', 'linuximage.pkglist', 'comma list of package list files', { when: 'imagetype=linux' }),
  at('pkgdir', 'linuximage.pkgdir', 'comma list of package directories or URLs; the first is the OS base', {
    when: 'imagetype=linux',
  }),
  at('otherpkglist', 'linuximage.otherpkglist', 'comma list of files naming non-distribution packages', {
    when: 'imagetype=linux',
  }),
  at('otherpkgdir', 'linuximage.otherpkgdir', 'one local directory and/or URLs', { when: 'imagetype=linux' }),
  at('exlist', 'linuximage.exlist', 'comma list of files of paths to leave out (or force in, +) when packing', {
    when: 'imagetype=linux',
  }),
  at(
    'postinstall',
    'linuximage.postinstall',
    'comma list of script args run on the server after package installation in genimage',
    { when: 'imagetype=linux' },
  ),
  at(
    'rootimgdir',
    'linuximage.rootimgdir',
    'directory holding rootimg/, kernel, initrd-*.gz, packed image; sysclone: image directory',
    { when: 'imagetype=linux' },
  ),
  at('kerneldir', 'linuximage.kerneldir', 'directory of third-party kernels (default <installdir>/kernels)', {
    when: 'imagetype=linux',
  }),
  at('nodebootif', 'linuximage.nodebootif', 'boot interface configured in the image', { when: 'imagetype=linux' }),
  at('otherifce', 'linuximage.otherifce', 'other interfaces configured by DHCP', { when: 'imagetype=linux' }),
  at('netdrivers', 'linuximage.netdrivers', 'comma list of driver modules put in the initrd', {
    when: 'imagetype=linux',
  }),
  at('kernelver', 'linuximage.kernelver', 'kernel version', { when: 'imagetype=linux' }),
  at('krpmver', 'linuximage.krpmver', 'kernel package version (SLES)', { when: 'imagetype=linux' }),
  at('permission', 'linuximage.permission', 'mode of /.statelite, default 755', { when: 'imagetype=linux' }),
  at('dump', 'linuximage.dump', 'linux: nfs://server/path for kdump; NIM: dump resource', { when: 'imagetype=linux' }),
  at('crashkernelsize', 'linuximage.crashkernelsize', 'memory reserved for kdump', { when: 'imagetype=linux' }),
  at('partitionfile', 'linuximage.partitionfile', 'partition file, or s:script; disk names d: ...', {
    when: 'imagetype=linux',
  }),
  at('driverupdatesrc', 'linuximage.driverupdatesrc', 'comma list dud:path / rpm:path', { when: 'imagetype=linux' }),
  at('usercomment', 'linuximage.comments', 'free text', { when: 'imagetype=linux' }),
  at('template', 'winimage.template', 'installer template (kickstart, autoyast, preseed, ...); windows: answer file', {
    when: 'imagetype=windows',
  }),
  at('installto', 'winimage.installto', 'windows disk/partition', { when: 'imagetype=windows' }),
  at('partitionfile', 'winimage.partitionfile', 'partition file, or s:script; disk names d: ...', {
    when: 'imagetype=windows',
  }),
  at('winpepath', 'winimage.winpepath', 'windows PE path', { when: 'imagetype=windows' }),
  at('nimtype', 'nimimage.nimtype', 'standalone, diskless, dataless', { when: 'imagetype=NIM' }),
  at('nimmethod', 'nimimage.nimmethod', 'rte or mksysb', { when: 'imagetype=NIM' }),
  at('lpp_source', 'nimimage.lpp_source', 'NIM lpp_source resource', { when: 'imagetype=NIM' }),
  at('spot', 'nimimage.spot', 'NIM SPOT resource', { when: 'imagetype=NIM' }),
  at('root', 'nimimage.root', 'NIM root resource (stateful diskless)', { when: 'imagetype=NIM' }),
  at('dump', 'nimimage.dump', 'linux: nfs://server/path for kdump; NIM: dump resource', { when: 'imagetype=NIM' }),
  at('configdump', 'nimimage.configdump', 'selective, full, none', { when: 'imagetype=NIM' }),
  at('paging', 'nimimage.paging', 'NIM paging resource', { when: 'imagetype=NIM' }),
  at('resolv_conf', 'nimimage.resolv_conf', 'NIM resolv_conf resource', { when: 'imagetype=NIM' }),
  at('image_data', 'nimimage.image_data', 'NIM image_data resource', { when: 'imagetype=NIM' }),
  at('tmp', 'nimimage.tmp', 'NIM tmp resource', { when: 'imagetype=NIM' }),
  at('home', 'nimimage.home', 'NIM home resource', { when: 'imagetype=NIM' }),
  at('shared_home', 'nimimage.shared_home', 'NIM shared_home resource', { when: 'imagetype=NIM' }),
  at('shared_root', 'nimimage.shared_root', 'NIM shared_root resource (stateless diskless)', { when: 'imagetype=NIM' }),
  at('script', 'nimimage.script', 'comma list of NIM script resources', { when: 'imagetype=NIM' }),
  at('fb_script', 'nimimage.fb_script', 'NIM first-boot script resource', { when: 'imagetype=NIM' }),
  at('bosinst_data', 'nimimage.bosinst_data', 'NIM bosinst_data resource', { when: 'imagetype=NIM' }),
  at('installp_bundle', 'nimimage.installp_bundle', 'comma list of NIM installp_bundle resources', {
    when: 'imagetype=NIM',
  }),
  at('otherpkgs', 'nimimage.otherpkgs', 'comma list with prefixes I: installp, R: rpm, E: epkg', {
    when: 'imagetype=NIM',
  }),
  at('mksysb', 'nimimage.mksysb', 'NIM mksysb resource', { when: 'imagetype=NIM' }),
  at('usercomment', 'nimimage.comments', 'free text', { when: 'imagetype=NIM' }),
  at('environvar', 'osimage.environvar', 'comma list KEY=value exported to genimage/packimage helpers'),
]);
