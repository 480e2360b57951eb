/** What kind of address an IP address is, with the IPv4 address that an IPv6 one may carry taken into account. Pure. */
import ipaddr from 'ipaddr.js'

export type Address = ipaddr.IPv4 | ipaddr.IPv6

export interface Network {
  readonly base: Address
  readonly bits: number
}

/** Prefixes of IPv6 addresses that reach an IPv4 address, and the bit at which that begins. */
const CARRIERS: readonly { readonly prefix: readonly [ipaddr.IPv6, number]; readonly at: number }[] = [
  { prefix: [ipaddr.IPv6.parse('64:ff9b::'), 96], at: 96 },
  { prefix: [ipaddr.IPv6.parse('2002::'), 16], at: 16 },
  { prefix: [ipaddr.IPv6.parse('::'), 96], at: 96 },
]

/** Ranges that the library calls unicast, and that are not for everybody. */
const ALSO_RESERVED: readonly string[] = ['64:ff9b:1::/48', '5f00::/16', '3fff::/20', '2001::/23', 'fec0::/10']
const globalUnicast = parseNetwork('2000::/3')!
const alsoReserved: readonly Network[] = ALSO_RESERVED.map((text) => parseNetwork(text)!)

/** The plain dotted or colon form only; a mapped IPv4 address is that IPv4 address. `null` for anything else. */
export function parseAddress(text: string): Address | null {
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text
  if (ipaddr.IPv4.isValidFourPartDecimal(bare)) return ipaddr.IPv4.parse(bare)
  // the zone of a link-local address says which card, not which address
  const plain = bare.replace(/%.*$/, '')
  if (!ipaddr.IPv6.isValid(plain)) return null
  const address = ipaddr.IPv6.parse(plain)
  return address.isIPv4MappedAddress() ? address.toIPv4Address() : address
}

/** `10.0.0.0/8`, or an address alone. */
export function parseNetwork(text: string): Network | null {
  const slash = text.lastIndexOf('/')
  const base = parseAddress(slash < 0 ? text : text.slice(0, slash))
  if (base === null) return null
  const most = base.kind() === 'ipv4' ? 32 : 128
  if (slash < 0) return { base, bits: most }
  const digits = text.slice(slash + 1)
  return /^\d{1,3}$/.test(digits) && Number(digits) <= most ? { base, bits: Number(digits) } : null
}

export function isIn(address: Address, network: Network): boolean {
  if (address.kind() !== network.base.kind()) return false
  return (address as ipaddr.IPv4).match(network.base as ipaddr.IPv4, network.bits)
}

/** The IPv4 address inside a NAT64, 6to4 or IPv4-compatible one. */
export function carried(address: Address): ipaddr.IPv4 | null {
  if (address.kind() === 'ipv4') return null
  const six = address as ipaddr.IPv6
  const carrier = CARRIERS.find(({ prefix }) => six.match(prefix[0], prefix[1]))
  if (carrier === undefined) return null
  const bytes = six.toByteArray().slice(carrier.at / 8, carrier.at / 8 + 4)
  return new ipaddr.IPv4(bytes)
}

/** Why an address is not for everybody, e.g. `private` or `loopback`; `null` for a public one. Those that carry another are reserved as well. */
export function reservedRange(address: Address): string | null {
  const range = address.range()
  if (range !== 'unicast') return range
  if (address.kind() === 'ipv6' && !isIn(address, globalUnicast)) return 'reserved'
  return alsoReserved.some((network) => isIn(address, network)) ? 'reserved' : null
}

/** Link-local addresses, among them the metadata services of clouds, which no host's name makes permitted. */
export function isLinkLocal(address: Address): boolean {
  if (address.range() === 'linkLocal') return true
  // the metadata service of one cloud over IPv6
  return address.toString() === 'fd00:ec2::254'
}
