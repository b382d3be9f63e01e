/**
 * All tables with their columns in the order of dumps. A table is a view over the values of objects; how its rows
 * map to objects is said by `holder` and `named`, and in shared/objects/README.md. Source: facts on objects, section 17.
 */
export interface Table {
  readonly name: string;
  readonly columns: readonly string[];
  /** The columns that tell rows apart. */
  readonly keys: readonly string[];
  /**
   * The type of object that keeps the rows. `node`: the row named N is kept with the node N where there is one, else
   * with the group N (defined or not: `xcatdefaults` of postscripts is such a row). A table that belongs to no type
   * of xCAT's is a type of its own, named as the table.
   */
  readonly holder: string;
  /** The columns whose values make the object's name, see `rowName`. They are not stored, the name is. */
  readonly named: readonly string[];
  /** One name may have several rows: values are kept as `table.column.<value of this column>`. */
  readonly qualifiedBy?: string;
}

function table(
  name: string,
  columns: string,
  place: { keys?: string; holder?: string; named?: string; qualifiedBy?: string } = {},
): Table {
  const list = columns.split(',');
  const first = list[0] ?? '';
  const keys = (place.keys ?? first).split(',');
  const holder = place.holder ?? (first === 'node' ? 'node' : name);
  const named = (place.named ?? (holder === 'node' ? first : keys.join(','))).split(',');
  const described = { name, columns: list, keys, holder, named };
  return place.qualifiedBy === undefined ? described : { ...described, qualifiedBy: place.qualifiedBy };
}

const all: readonly Table[] = [
  table('auditlog', 'recid,audittime,userid,clientname,clienttype,command,noderange,args,status,comments,disable'),
  table('bootparams', 'node,kernel,initrd,kcmdline,addkcmdline,dhcpstatements,adddhcpstatements,comments,disable'),
  table('boottarget', 'bprofile,kernel,initrd,kcmdline,comments,disable'),
  table('cfgmgt', 'node,cfgmgr,cfgserver,roles,comments,disable'),
  table('chain', 'node,currstate,currchain,chain,ondiscover,comments,disable'),
  table('deps', 'node,nodedep,msdelay,cmd,comments,disable', { keys: 'node,cmd', qualifiedBy: 'cmd' }),
  table(
    'discoverydata',
    'uuid,node,method,discoverytime,arch,cpucount,cputype,memory,mtm,serial,nicdriver,nicipv4,nichwaddr,nicpci,nicloc,' +
      'niconboard,nicfirm,switchname,switchaddr,switchdesc,switchport,otherdata,comments,disable',
  ),
  table('domain', 'node,ou,authdomain,adminuser,adminpassword,type,comments,disable'),
  table(
    'eventlog',
    'recid,eventtime,eventtype,monitor,monnode,node,application,component,id,severity,message,rawdata,comments,disable',
  ),
  table('firmware', 'cfgfile,comments,disable'),
  table('hosts', 'node,ip,hostnames,otherinterfaces,comments,disable'),
  table('hwinv', 'node,cputype,cpucount,memory,disksize,comments,disable'),
  table('hypervisor', 'node,type,mgr,interface,netmap,defaultnet,cluster,datacenter,preferdirect,comments,disable'),
  table('ipmi', 'node,bmc,bmcport,taggedvlan,bmcid,username,password,comments,disable'),
  table('iscsi', 'node,server,target,lun,iname,file,userid,passwd,kernel,kcmdline,initrd,comments,disable'),
  table(
    'kit',
    'kitname,basename,description,version,release,ostype,isinternal,kitdeployparams,kitdir,comments,disable',
  ),
  table(
    'kitcomponent',
    'kitcompname,description,kitname,kitreponame,basename,version,release,serverroles,kitpkgdeps,prerequisite,' +
      'driverpacks,kitcompdeps,postbootscripts,genimage_postinstall,exlist,comments,disable',
  ),
  table(
    'kitrepo',
    'kitreponame,kitname,osbasename,osmajorversion,osminorversion,osarch,compat_osbasenames,kitrepodir,comments,disable',
  ),
  table('kvm_masterdata', 'name,xml,comments,disable'),
  table('kvm_nodedata', 'node,xml,comments,disable'),
  table(
    'linuximage',
    'imagename,template,boottarget,addkcmdline,pkglist,pkgdir,otherpkglist,otherpkgdir,exlist,postinstall,rootimgdir,' +
      'kerneldir,nodebootif,otherifce,netdrivers,kernelver,krpmver,permission,dump,crashkernelsize,partitionfile,' +
      'driverupdatesrc,comments,disable',
    { holder: 'osimage' },
  ),
  table('litefile', 'image,file,options,comments,disable', { keys: 'image,file' }),
  table('litetree', 'priority,image,directory,mntopts,comments,disable'),
  table('mac', 'node,interface,mac,comments,disable'),
  table('mic', 'node,host,id,nodetype,bridge,onboot,vlog,powermgt,comments,disable'),
  table('monitoring', 'name,nodestatmon,comments,disable'),
  table('monsetting', 'name,key,value,comments,disable', {
    keys: 'name,key',
    holder: 'monitoring',
    named: 'name',
    qualifiedBy: 'key',
  }),
  table('mp', 'node,mpa,id,nodetype,comments,disable'),
  table('mpa', 'mpa,username,password,displayname,slots,urlpath,comments,disable', {
    keys: 'mpa,username',
    holder: 'node',
    named: 'mpa',
  }),
  table(
    'networks',
    'netname,net,mask,mgtifname,gateway,dhcpserver,tftpserver,nameservers,ntpservers,logservers,dynamicrange,' +
      'staticrange,staticrangeincrement,nodehostname,ddnsdomain,vlanid,domain,mtu,comments,disable',
    { keys: 'net,mask', holder: 'network', named: 'netname' },
  ),
  table(
    'nics',
    'node,nicips,nichostnamesuffixes,nichostnameprefixes,nictypes,niccustomscripts,nicnetworks,nicaliases,' +
      'nicextraparams,nicdevices,nicsadapter,comments,disable',
  ),
  table(
    'nimimage',
    'imagename,nimtype,lpp_source,spot,root,dump,paging,resolv_conf,tmp,home,shared_home,res_group,nimmethod,script,' +
      'bosinst_data,installp_bundle,mksysb,fb_script,shared_root,otherpkgs,image_data,configdump,comments,disable',
    { holder: 'osimage' },
  ),
  table('nodegroup', 'groupname,grouptype,members,membergroups,wherevals,comments,disable', { holder: 'group' }),
  table(
    'nodehm',
    'node,power,mgt,cons,termserver,termport,conserver,serialport,serialspeed,serialflow,getmac,cmdmapping,' +
      'consoleondemand,consoleenabled,comments,disable',
  ),
  table(
    'nodelist',
    'node,groups,status,statustime,appstatus,appstatustime,primarysn,hidden,updatestatus,updatestatustime,zonename,' +
      'comments,disable',
  ),
  table('nodepos', 'node,rack,u,chassis,slot,room,height,comments,disable'),
  table(
    'noderes',
    'node,servicenode,netboot,tftpserver,tftpdir,nfsserver,monserver,nfsdir,installnic,primarynic,discoverynics,' +
      'cmdinterface,xcatmaster,current_osimage,next_osimage,nimserver,routenames,nameservers,proxydhcp,syslog,' +
      'comments,disable',
  ),
  table('nodetype', 'node,os,arch,profile,provmethod,supportedarchs,nodetype,comments,disable'),
  table('notification', 'filename,tables,tableops,comments,disable'),
  table('openbmc', 'node,bmc,consport,taggedvlan,username,password,comments,disable'),
  table('osdistro', 'osdistroname,basename,majorversion,minorversion,arch,type,dirpaths,comments,disable'),
  table('osdistroupdate', 'osupdatename,osdistroname,dirpath,downloadtime,comments,disable'),
  table(
    'osimage',
    'imagename,groups,profile,imagetype,description,provmethod,rootfstype,nfsrootopts,osdistroname,osupdatename,cfmdir,' +
      'osname,osvers,osarch,synclists,postscripts,postbootscripts,serverrole,isdeletable,kitcomponents,environvar,' +
      'comments,disable',
  ),
  table('passwd', 'key,username,password,cryptmethod,authdomain,comments,disable', { keys: 'key,username' }),
  table(
    'pdu',
    'node,nodetype,pdutype,outlet,username,password,snmpversion,community,snmpuser,authtype,authkey,privtype,privkey,' +
      'seclevel,comments,disable',
  ),
  table('pduoutlet', 'node,pdu,comments,disable'),
  table('performance', 'timestamp,node,attrname,attrvalue,comments,disable', { keys: 'timestamp,node,attrname' }),
  table('policy', 'priority,name,host,commands,noderange,parameters,time,rule,comments,disable'),
  table('postscripts', 'node,postscripts,postbootscripts,comments,disable'),
  table('ppc', 'node,hcp,id,pprofile,parent,nodetype,supernode,sfp,comments,disable'),
  table('ppcdirect', 'hcp,username,password,comments,disable', {
    keys: 'hcp,username',
    holder: 'node',
    named: 'hcp',
    qualifiedBy: 'username',
  }),
  table('ppchcp', 'hcp,username,password,comments,disable', { holder: 'node' }),
  table('prescripts', 'node,begin,end,comments,disable'),
  table('prodkey', 'node,product,key,comments,disable', { keys: 'node,product' }),
  table('rack', 'rackname,displayname,num,height,room,comments,disable'),
  table('routes', 'routename,net,mask,gateway,ifname,comments,disable', { holder: 'route' }),
  table(
    'servicenode',
    'node,nameserver,dhcpserver,tftpserver,nfsserver,conserver,monserver,ldapserver,ntpserver,ftpserver,nimserver,' +
      'ipforward,dhcpinterfaces,proxydhcp,comments,disable',
  ),
  table('site', 'key,value,comments,disable'),
  table('statelite', 'node,image,statemnt,mntopts,comments,disable'),
  table(
    'storage',
    'node,osvolume,size,state,storagepool,hypervisor,fcprange,volumetag,type,controller,comments,disable',
  ),
  table('switch', 'node,switch,port,vlan,interface,comments,disable', { keys: 'node,switch,port' }),
  table(
    'switches',
    'switch,snmpversion,username,password,privacy,auth,linkports,sshusername,sshpassword,protocol,switchtype,' +
      'comments,disable',
    { holder: 'node' },
  ),
  table('taskstate', 'node,command,state,pid,reserve,disable', { holder: 'taskstate' }),
  table('token', 'tokenid,username,expire,created,access,comments,disable'),
  table('virtsd', 'node,sdtype,stype,location,host,cluster,datacenter,comments,disable'),
  table(
    'vm',
    'node,mgr,host,migrationdest,storage,storagemodel,storagecache,storageformat,cfgstore,memory,cpus,nics,nicmodel,' +
      'bootorder,clockoffset,virtflags,master,vncport,textconsole,powerstate,beacon,datacenter,cluster,guestostype,' +
      'othersettings,physlots,vidmodel,vidproto,vidpassword,comments,disable',
  ),
  table(
    'vmmaster',
    'name,os,arch,profile,storage,storagemodel,nics,vintage,originator,virttype,specializeparameters,comments,disable',
  ),
  table('vpd', 'node,serial,mtm,side,asset,uuid,comments,disable'),
  table('websrv', 'node,port,username,password,comments,disable'),
  table('winimage', 'imagename,template,installto,partitionfile,winpepath,comments,disable', { holder: 'osimage' }),
  table('zone', 'zonename,sshkeydir,sshbetweennodes,defaultzone,comments,disable'),
  table('zvm', 'node,hcp,userid,nodetype,parent,comments,disable'),
  table('zvmivp', 'id,ip,schedule,last_run,type_of_run,access_user,orch_parms,prep_parms,main_parms,comments,disable'),
];

/** Every table by name; iterates in alphabetical order, the order of `tabdump`. */
export const tables: ReadonlyMap<string, Table> = new Map(all.map((entry) => [entry.name, entry]));

/** The name of the object that keeps the row with these key values: joined by comma, `%` and `,` escaped. */
export function rowName(values: readonly string[]): string {
  return values.map((value) => (values.length > 1 ? value.replace(/[%,]/g, encodeURIComponent) : value)).join(',');
}

/** The key values again; `count` is the number of columns that make the name. */
export function rowKeys(name: string, count: number): string[] {
  if (count === 1) return [name];
  return name.split(',').map((part) => part.replace(/%25|%2C/g, decodeURIComponent));
}

const secretColumns: ReadonlySet<string> = new Set([
  'domain.adminpassword',
  'ipmi.password',
  'iscsi.passwd',
  'mpa.password',
  'openbmc.password',
  'passwd.password',
  'pdu.authkey',
  'pdu.community',
  'pdu.password',
  'pdu.privkey',
  'ppcdirect.password',
  'ppchcp.password',
  'prodkey.key',
  'switches.password',
  'switches.sshpassword',
  'token.tokenid',
  'vm.vidpassword',
  'websrv.password',
]);

/** Whether the value kept under this `table.column[.qualifier]` must not be shown in history, plans and logs. */
export function isSecret(column: string): boolean {
  // What nobody understands may be a password (manager/verbs/moving-in).
  if (secretColumns.has(column) || column.startsWith('kept.')) return true;
  const second = column.indexOf('.', column.indexOf('.') + 1);
  return second > 0 && secretColumns.has(column.slice(0, second));
}
