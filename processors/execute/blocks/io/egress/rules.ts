/**
 * Rules of what may be dialled, as text: `[scheme://]target[:port]`, the target being a host (`api.example`), its subdomains
 * (`*.example`), an address, a network (`10.0.0.0/8`, `[fd00::]/8`) or `*`; the port a number or a range (`8000-8999`).
 */
import { type Address, isIn, type Network, parseNetwork } from './addresses.ts'

export interface EgressRule {
  readonly text: string
  readonly scheme: string | null
  readonly port: { readonly from: number; readonly to: number } | null
  readonly target:
    | { readonly kind: 'any' }
    | { readonly kind: 'host'; readonly name: string; readonly subdomains: boolean }
    | { readonly kind: 'network'; readonly network: Network }
}

export interface Destination {
  /** Without a colon, e.g. `https`. */
  readonly scheme: string
  /** As asked for: a name or an address. */
  readonly host: string
  readonly port: number
}

const HOST = /^(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,62})\.)*[a-z0-9_](?:[a-z0-9_-]{0,62})$/
const RULE = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(.*?)(?::(\d{1,5})(?:-(\d{1,5}))?)?$/s

/** @throws {TypeError} that says what was found and what a rule looks like. */
export function parseRule(text: string): EgressRule {
  const bare = parseNetwork(text.trim())
  if (bare !== null) return { text, scheme: null, port: null, target: { kind: 'network', network: bare } }
  const [, scheme, target = '', from, to] = RULE.exec(text.trim().toLowerCase()) ?? []
  const port = from === undefined ? null : { from: Number(from), to: Number(to ?? from) }
  const parsed = parseTarget(target)
  if (parsed === null || (port !== null && (port.to > 65_535 || port.from > port.to))) {
    throw new TypeError(
      `'${text}' is no egress rule; expected [scheme://]target[:port], e.g. 10.0.0.0/8, *.example.org, https://api.example.org:443`,
    )
  }
  return { text, scheme: scheme ?? null, port, target: parsed }
}

function parseTarget(text: string): EgressRule['target'] | null {
  if (text === '*') return { kind: 'any' }
  // [fd00::]/8 and fd00::/8 are the same
  const network = parseNetwork(text.replace(/^\[([^\]]*)\](.*)$/, '$1$2'))
  if (network !== null) return { kind: 'network', network }
  const name = text.replace(/\.$/, '')
  if (!HOST.test(name) || /^[\d.]+$/.test(name)) return null
  const subdomains = name.startsWith('*.')
  return { kind: 'host', name: subdomains ? name.slice(2) : name, subdomains }
}

/** Whether the rule is about this destination; `address` once it is known. */
export function matches(rule: EgressRule, destination: Destination, address: Address | null): boolean {
  if (rule.scheme !== null && rule.scheme !== destination.scheme) return false
  if (rule.port !== null && (destination.port < rule.port.from || destination.port > rule.port.to)) return false
  const { target } = rule
  switch (target.kind) {
    case 'any':
      return true
    case 'host':
      return target.subdomains ? destination.host.endsWith(`.${target.name}`) : destination.host === target.name
    case 'network':
      return address !== null && isIn(address, target.network)
    default:
      return target satisfies never
  }
}
