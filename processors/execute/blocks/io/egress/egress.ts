/**
 * The guard of everything that blocks dial.
 *
 * Invariants:
 *  E1  what is checked is the address that is dialled: the addresses a name has are looked up once, checked, and those are connected to;
 *  E2  a name with one refused address is refused as a whole;
 *  E3  addresses that are not public are refused unless an allow rule names their network, or (link-local ones excepted) their host.
 */
import { lookup as systemLookup } from 'node:dns'
import type { BlockErrorDef } from '../../../block.ts'
import { BlockError } from '../../../block.ts'
import { hostAndPort } from '../address.ts'
import { type Address, carried, isLinkLocal, parseAddress, reservedRange } from './addresses.ts'
import { type Destination, type EgressRule, matches, parseRule } from './rules.ts'

export interface EgressSettings {
  /** Rules of what may be dialled although it is not public, or, with `only`, at all. Default: none. */
  readonly allow?: readonly string[]
  /** Rules of what may not be dialled; they win over `allow`. Default: none. */
  readonly deny?: readonly string[]
  /** Refuse whatever no allow rule names. Default false. */
  readonly only?: boolean
}

export const EGRESS_DEFAULTS: Required<EgressSettings> = { allow: [], deny: [], only: false }

export interface ResolvedAddress {
  readonly address: string
  readonly family: 4 | 6
}

/** All addresses of a name. */
export type Lookup = (name: string) => Promise<readonly ResolvedAddress[]>

export const EGRESS_REFUSED: BlockErrorDef = {
  code: 'EGRESS_REFUSED',
  class: 'permanent',
  meaning: 'The address may not be dialled from here: it is not public and not allowed, or it is denied.',
}

export interface Egress {
  /** The checked addresses of a destination. @throws {BlockError} `EGRESS_REFUSED`; else what the lookup rejects with, e.g. `ENOTFOUND` */
  resolve(destination: Destination): Promise<readonly ResolvedAddress[]>
  /** Checks an address that is known already. @throws {BlockError} `EGRESS_REFUSED` */
  checkAddress(destination: Destination, address: string): void
}

export function createEgress(settings: EgressSettings = {}, lookup: Lookup = lookupAll): Egress {
  const { allow, deny, only } = { ...EGRESS_DEFAULTS, ...settings }
  const rules: Rules = { allow: allow.map(parseRule), deny: deny.map(parseRule), only }
  const checkAddress = (asked: Destination, text: string): void => {
    const destination = normal(asked)
    const address = parseAddress(text)
    const reason = address === null ? 'that is no address' : refusal(rules, destination, address)
    if (reason !== null) throw refused(destination, text, reason)
  }
  return {
    checkAddress,
    resolve: async (asked) => {
      const destination = normal(asked)
      checkName(rules, destination)
      const literal = parseAddress(destination.host)
      const found = literal === null ? await lookup(destination.host) : [resolvedOf(literal)]
      if (found.length === 0)
        throw Object.assign(new Error(`'${destination.host}' has no address`), { code: 'ENOTFOUND' })
      for (const { address } of found) checkAddress(destination, address)
      return found
    },
  }
}

interface Rules {
  readonly allow: readonly EgressRule[]
  readonly deny: readonly EgressRule[]
  readonly only: boolean
}

function normal(destination: Destination): Destination {
  const host = destination.host.toLowerCase().replace(/\.$/, '')
  return { ...destination, host: host.startsWith('[') ? host.slice(1, -1) : host }
}

/** What can be said before the name is looked up. */
function checkName(rules: Rules, destination: Destination): void {
  const { host, port } = destination
  if (host === '' || host.length > 253 || /[\s/\\@\0]/.test(host)) throw refused(destination, null, 'that is no host')
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw refused(destination, null, 'that is no port')
  const denied = rules.deny.find((rule) => matches(rule, destination, null))
  if (denied !== undefined) throw refused(destination, null, `the rule '${denied.text}' denies it`)
}

function refusal(rules: Rules, destination: Destination, address: Address): string | null {
  const inner = carried(address)
  const denied = rules.deny.find(
    (rule) => matches(rule, destination, address) || (inner !== null && matches(rule, destination, inner)),
  )
  if (denied !== undefined) return `the rule '${denied.text}' denies it`
  const allowing = rules.allow.filter((rule) => matches(rule, destination, address))
  if (allowing.some((rule) => rule.target.kind === 'network')) return null
  const range = reservedRange(address)
  const byHost = allowing.some((rule) => rule.target.kind === 'host')
  if (range !== null && !(byHost && !isLinkLocal(address))) return `the address is not public (${range})`
  return rules.only && allowing.length === 0 ? 'no rule allows it' : null
}

function refused(destination: Destination, address: string | null, reason: string): BlockError {
  const { scheme, host, port } = destination
  const where = hostAndPort(host.slice(0, 200), port)
  const at = address === null || address === host ? '' : ` (${address})`
  return new BlockError('EGRESS_REFUSED', `${scheme}://${where}${at} may not be dialled: ${reason}`, {
    detail: { scheme, host: host.slice(0, 200), port, reason },
  })
}

function resolvedOf(address: Address): ResolvedAddress {
  return { address: address.toString(), family: address.kind() === 'ipv4' ? 4 : 6 }
}

function lookupAll(name: string): Promise<readonly ResolvedAddress[]> {
  return new Promise((resolve, reject) => {
    systemLookup(name, { all: true, verbatim: true }, (error, found) => {
      if (error !== null) reject(error)
      else resolve(found.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 })))
    })
  })
}
