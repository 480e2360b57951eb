/** The setting `connections`: databases and services that steps name, so that flows hold no addresses and passwords. */
import { didYouMean } from '../../schemas/flow/nearest.ts'
import type { Json } from '../../schemas/json.ts'
import { PLAIN } from './secret.ts'
import { type Refused, settingKind } from './setting.ts'

type Fields = { readonly [field: string]: Json }

/** By name, as they were written, or the file with them. */
export type ConnectionsSetting =
  | { readonly kind: 'here'; readonly connections: { readonly [name: string]: Fields } }
  | { readonly kind: 'file'; readonly path: string }

interface ConnectionKind {
  /** Of the address. */
  readonly protocols: readonly string[]
  /** What a field takes that may be there, in words, and whether a value is that. */
  readonly optional: { readonly [field: string]: readonly [string, (found: Json) => boolean] }
}

const A_TEXT = ['a text', (found: Json) => typeof found === 'string' && found !== ''] as const
const PRICE = ['{input, output} in dollars for a million tokens', isPrice] as const

const KINDS: { readonly [kind: string]: ConnectionKind } = {
  postgres: {
    protocols: ['postgres:', 'postgresql:'],
    optional: { readOnly: ['true or false', (found) => typeof found === 'boolean'] },
  },
  redis: { protocols: ['redis:', 'rediss:'], optional: { prefix: A_TEXT } },
  smtp: { protocols: ['smtp:', 'smtps:'], optional: { from: A_TEXT } },
  llm: { protocols: ['https:', 'http:'], optional: { key: A_TEXT, model: A_TEXT, usdPerMillion: PRICE } },
}
const TENANTS = ['a list of tenants', isListOfTexts] as const
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$/

/** Connections as a document or a file has them. `mayHoldSecrets`: passwords and keys may stand in it as they are. */
export function readConnections(
  found: Json,
  mayHoldSecrets: boolean,
): { readonly value: { readonly [name: string]: Fields } } | Refused {
  if (!isObject(found)) return { expected: 'connections by name, each with kind and url' }
  for (const [name, connection] of Object.entries(found)) {
    const wrong = NAME.test(name)
      ? problemOf(connection, mayHoldSecrets)
      : 'has that name; expected letters, digits, `.`, `-` and `_`'
    if (wrong !== null) return { expected: `connections by name, each with kind and url; '${name}' ${wrong}` }
  }
  return { value: found as { readonly [name: string]: Fields } }
}

export const connections = settingKind<ConnectionsSetting>({
  type: 'connections by name, or `@` and a JSON file with them',
  // an address may hold a password
  secret: true,
  read: (found) => {
    if (typeof found !== 'string') return inPlace(found, false)
    const isOfEnvironment = found.startsWith(PLAIN)
    const text = isOfEnvironment ? found.slice(PLAIN.length) : found
    if (text.startsWith('@') && text.length > 1) return { value: { kind: 'file', path: text.slice(1) } }
    return inPlace(parsed(text), isOfEnvironment)
  },
  fromText: (text) => text,
  show: (value) =>
    value.kind === 'file'
      ? `@${value.path}`
      : Object.entries(value.connections).map(([name, { kind }]) => `${name} (${String(kind)})`),
})

function inPlace(found: Json, mayHoldSecrets: boolean): { readonly value: ConnectionsSetting } | Refused {
  const read = readConnections(found, mayHoldSecrets)
  return 'value' in read ? { value: { kind: 'here', connections: read.value } } : read
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    return null
  }
}

/** Never repeats an address or key. */
function problemOf(connection: Json, mayHoldSecrets: boolean): string | null {
  if (!isObject(connection)) return 'is none; expected {kind, url, ...}'
  const { kind: kindName, url, ...rest } = connection
  const kinds = Object.keys(KINDS)
  const kind = typeof kindName === 'string' && Object.hasOwn(KINDS, kindName) ? KINDS[kindName]! : null
  if (kind === null) {
    const hint = typeof kindName === 'string' ? didYouMean(kindName, kinds) : ''
    return `has the kind ${JSON.stringify(kindName ?? null)}; expected one of ${kinds.join(', ')}${hint}`
  }
  const wrongUrl = problemOfUrl(url ?? null, kind, mayHoldSecrets)
  if (wrongUrl !== null) return wrongUrl
  const known: ConnectionKind['optional'] = { ...kind.optional, tenants: TENANTS }
  for (const [field, found] of Object.entries(rest)) {
    if (!Object.hasOwn(known, field))
      return `has the field '${field}'; expected kind, url, ${Object.keys(known).join(', ')}`
    const [expected, is] = known[field]!
    if (!is(found)) return `has another '${field}' than expected: ${expected}`
  }
  if (!mayHoldSecrets && typeof rest.key === 'string' && !rest.key.includes('secret://'))
    return "has a 'key' that is written out; expected secret://NAME"
  return null
}

function problemOfUrl(url: Json, { protocols }: ConnectionKind, mayHoldSecrets: boolean): string | null {
  const expected = `an address such as ${protocols[0]}//host`
  if (typeof url !== 'string') return `has no 'url'; expected ${expected}, or secret://NAME`
  if (url.includes('secret://')) return null
  if (!URL.canParse(url) || !protocols.includes(new URL(url).protocol))
    return `has another 'url' than expected: ${expected}, or secret://NAME`
  if (!mayHoldSecrets && new URL(url).password !== '')
    return "has a 'url' with a password that is written out; expected the whole as secret://NAME"
  return null
}

function isPrice(found: Json): boolean {
  if (!isObject(found) || Object.keys(found).length !== 2) return false
  return [found.input, found.output].every((price) => typeof price === 'number' && price >= 0)
}

function isListOfTexts(found: Json): boolean {
  return Array.isArray(found) && found.length > 0 && found.every((item) => typeof item === 'string' && item !== '')
}

function isObject(found: Json): found is { readonly [key: string]: Json } {
  return typeof found === 'object' && found !== null && !Array.isArray(found)
}
