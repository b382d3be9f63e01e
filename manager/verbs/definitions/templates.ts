/** A definition to start from. `MANDATORY:` values must be given, `OPTIONAL:` ones may be; the rest is taken over. */
export interface Template {
  readonly type: string;
  readonly attributes: Readonly<Record<string, string>>;
}

const bmcAddress = 'MANDATORY:The hostname or ip address of the BMC adapater';
const bmcUser = 'OPTIONAL:the username of the BMC';
const bmcPassword = 'OPTIONAL:the password of the BMC';
const nodeAddress = 'MANDATORY:the ip address of the node';
const nodeMac = 'OPTIONAL:the mac of the node';

const guest = {
  groups: 'all,kvmguest',
  ip: nodeAddress,
  mac: nodeMac,
  mgt: 'kvm',
  cons: 'kvm',
  getmac: 'kvm',
  power: 'kvm',
  serialport: '0',
  serialspeed: '115200',
  vmcpus: 'MANDATORY:how many virtual processors',
  vmhost: 'MANDATORY:the machine that hosts the virtual machine',
  vmmemory: 'MANDATORY:memory in megabytes',
  vmnicnicmodel: 'virtio',
  vmnics: 'MANDATORY:the bridge the virtual machine is attached to',
  vmstorage: 'MANDATORY:where the disk is kept',
};

/** What `--template` knows beside objects that exist. Texts that other programs may look for are as xCAT has them. */
export const templates: ReadonlyMap<string, Template> = new Map<string, Template>(
  Object.entries({
    'cec-template': {
      type: 'node',
      attributes: {
        mtm: 'MANDATORY:machine type and model of the CEC',
        serial: 'MANDATORY:serial number of the CEC',
        hcp: 'MANDATORY:the hardware control point of the CEC',
        groups: 'cec,all',
        hwtype: 'cec',
        mgt: 'hmc',
        nodetype: 'ppc',
        usercomment: 'the cec definition template',
      },
    },
    'hmc-template': {
      type: 'node',
      attributes: {
        groups: 'hmc,all',
        hwtype: 'hmc',
        ip: 'MANDATORY:the ip address of the HMC',
        mgt: 'hmc',
        nodetype: 'ppc',
        password: 'MANDATORY:the password of the HMC',
        usercomment: 'the hmc definition template',
        username: 'MANDATORY:the username of the HMC',
      },
    },
    onieswitch: {
      type: 'node',
      attributes: {
        arch: 'armv71',
        groups: 'switch',
        ip: 'MANDATORY:the ip address of the switch',
        mac: 'OPTIONAL:the MAC address of the switch',
        mgt: 'switch',
        netboot: 'onie',
        nodetype: 'switch',
        os: 'cumulus',
        provmethod: 'install',
        switchtype: 'onie',
        usercomment: 'the onie switch definition template',
      },
    },
    'ppc64le-openbmc-template': {
      type: 'node',
      attributes: {
        arch: 'ppc64le',
        bmc: bmcAddress,
        bmcpassword: bmcPassword,
        bmcusername: bmcUser,
        cons: 'openbmc',
        groups: 'all',
        ip: nodeAddress,
        mac: nodeMac,
        mgt: 'openbmc',
        netboot: 'petitboot',
        serialport: '0',
        serialspeed: '115200',
        usercomment: 'the OpenBMC node definition',
      },
    },
    'ppc64le-template': {
      type: 'node',
      attributes: {
        arch: 'ppc64le',
        bmc: bmcAddress,
        bmcpassword: bmcPassword,
        bmcusername: bmcUser,
        cons: 'ipmi',
        getmac: 'ipmi',
        groups: 'all',
        ip: nodeAddress,
        mac: nodeMac,
        mgt: 'ipmi',
        netboot: 'petitboot',
        serialport: '0',
        serialspeed: '115200',
        usercomment: 'the system P LC node definition',
      },
    },
    'ppc64lekvmguest-template': {
      type: 'node',
      attributes: { ...guest, arch: 'ppc64le', netboot: 'grub2', usercomment: 'the ppc64le kvm guest definition' },
    },
    'switch-template': {
      type: 'node',
      attributes: {
        groups: 'switch',
        ip: 'OPTIONAL:the ip address of the switch',
        mac: 'OPTIONAL:the MAC address of the switch',
        mgt: 'switch',
        nodetype: 'switch',
        switchtype:
          'OPTIONAL:The type of switch. It is used to identify the file name that implements the functions for this swithc. The valid values are: Mellanox, Cisco, BNT and Juniper.',
        usercomment: 'the switch definition template',
      },
    },
    'x86_64-template': {
      type: 'node',
      attributes: {
        arch: 'x86_64',
        bmc: bmcAddress,
        bmcpassword: bmcPassword,
        bmcusername: bmcUser,
        cons: 'ipmi',
        getmac: 'ipmi',
        groups: 'all',
        ip: nodeAddress,
        mac: nodeMac,
        mgt: 'ipmi',
        netboot: 'xnba',
        serialport: '0',
        serialspeed: '115200',
        usercomment: 'the system X node definition',
      },
    },
    'x86_64kvmguest-template': {
      type: 'node',
      attributes: { ...guest, arch: 'x86_64', netboot: 'xnba', usercomment: 'the x86_64 kvm guest definition' },
    },
  }),
);
