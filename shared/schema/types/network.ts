import { at, objectType } from '../object-type.ts';

/**
 * IP networks. Source: facts on objects, section 6.
 */
export const network = objectType('network', 'netname', [
  at('netname', 'networks.netname', 'object key, the network name'),
  at('net', 'networks.net', 'network address'),
  at('mask', 'networks.mask', 'netmask (prefix length for IPv6)'),
  at('mgtifname', 'networks.mgtifname', 'server interface facing the network; !remote!<if> for relayed networks'),
  at('gateway', 'networks.gateway', 'gateway or the keyword <xcatmaster>'),
  at('dhcpserver', 'networks.dhcpserver', 'DHCP server of the network (required for service node pools)'),
  at(
    'tftpserver',
    'networks.tftpserver',
    'TFTP server as seen by the node (default: networks.tftpserver, then xcatmaster)',
  ),
  at('nameservers', 'networks.nameservers', 'per-node override of the resolver list'),
  at('ntpservers', 'networks.ntpservers', 'NTP servers'),
  at('logservers', 'networks.logservers', 'log servers'),
  at('dynamicrange', 'networks.dynamicrange', 'start-end for unknown machines; several joined with ;'),
  at('nodehostname', 'networks.nodehostname', 'substitution deriving the host name on this network'),
  at('ddnsdomain', 'networks.ddnsdomain', 'domain for DHCP-made DNS updates'),
  at('vlanid', 'networks.vlanid', 'VLAN id'),
  at('domain', 'networks.domain', 'DNS domain'),
  at('staticrange', 'networks.staticrange', 'start-end from which static addresses are allocated'),
  at('staticrangeincrement', 'networks.staticrangeincrement', 'step in staticrange'),
  at('mtu', 'networks.mtu', 'MTU'),
  at('usercomment', 'networks.comments', 'free text'),
]);
