#!/bin/busybox sh
# What udhcpc calls: the lease becomes an address, a route, and notes for the image. Everything in the environment
# came over the network, so nothing is used but what has the right shape.
# shellcheck disable=SC2154  # interface, ip, mask, router, dns, domain, hostname are udhcpc's

address() { printf '%s' "$1" | grep -x -E '[0-9]{1,3}(\.[0-9]{1,3}){3}'; }
name() { printf '%s' "$1" | tr -cd 'A-Za-z0-9.-' | cut -c1-253; }

case $1 in
bound | renew) ;;
*) exit 0 ;;
esac

own=$(address "$ip") || exit 1
case $mask in
[0-9] | [12][0-9] | 3[0-2]) bits=$mask ;;
*) bits=24 ;;
esac
ip addr replace "$own/$bits" dev "$interface" || exit 1
for gateway in $router; do
  gateway=$(address "$gateway") || continue
  ip route replace default via "$gateway" dev "$interface"
  break
done

mkdir -p /run/hostler
{
  [ -z "$domain" ] || echo "search $(name "$domain")"
  for server in $dns; do
    server=$(address "$server") && echo "nameserver $server"
  done
} >/run/hostler/resolv.conf
echo "$own/$bits" >/run/hostler/address
[ -z "$hostname" ] || name "$hostname" >/run/hostler/hostname
exit 0
