/** Connections that the operator names, so that flows hold no addresses and passwords. */
import { resolveSecrets, secretNames } from '../../../../schemas/flow/secret-text.ts'
import type { TenantId } from '../../../../schemas/ids.ts'
import type { Json } from '../../../../schemas/json.ts'
import { BlockError } from '../../block.ts'
import type { SecretSource } from '../secrets/source.ts'

export type ConnectionSettings =
  | {
      readonly kind: 'postgres'
      /** `postgres://user:password@host:port/database?sslmode=require` */
      readonly url: string
      /** Nothing may be changed through it. Default false; then a step says whether it changes something. */
      readonly readOnly?: boolean
      readonly tenants?: readonly string[]
    }
  | {
      readonly kind: 'redis'
      /** `redis://user:password@host:port/database` or `rediss://...` */
      readonly url: string
      /** Put before each key and channel. */
      readonly prefix?: string
      readonly tenants?: readonly string[]
    }
  | {
      readonly kind: 'smtp'
      /** `smtp://user:password@host:port` or `smtps://...` */
      readonly url: string
      /** Sender of messages that name none. */
      readonly from?: string
      readonly tenants?: readonly string[]
    }
  | {
      readonly kind: 'llm'
      /** Base address of an API of the form of OpenAI's, e.g. `https://api.example.com/v1`. */
      readonly url: string
      readonly key?: string
      /** Used where a step names none. */
      readonly model?: string
      /** Price of a million tokens in and out, for the estimate of cost. */
      readonly usdPerMillion?: { readonly input: number; readonly output: number }
      readonly tenants?: readonly string[]
    }

export type ConnectionKind = ConnectionSettings['kind']
export type ConnectionOf<K extends ConnectionKind> = Extract<ConnectionSettings, { readonly kind: K }>

/** By name; texts in it may be `secret://name`. */
export type Connections = { readonly [name: string]: ConnectionSettings }

export interface ConnectionTable {
  /** The connection of the name and kind that the tenant may use; `null` if there is none. @throws {BlockError} `UNKNOWN_CONNECTION` when its secret is missing */
  find<K extends ConnectionKind>(kind: K, name: string, tenant: TenantId): Promise<ConnectionOf<K> | null>
  /** One that a step cannot go without; the name may be left out where one is called like its kind. @throws {BlockError} `UNKNOWN_CONNECTION` */
  require<K extends ConnectionKind>(kind: K, name: string | undefined, tenant: TenantId): Promise<ConnectionOf<K>>
}

export const UNKNOWN_CONNECTION = {
  code: 'UNKNOWN_CONNECTION',
  class: 'permanent',
  meaning: 'The operator has set no connection of this name and kind for the tenant.',
} as const

export function connectionTable(connections: Connections, secrets: SecretSource): ConnectionTable {
  const find: ConnectionTable['find'] = async (kind, name, tenant) => {
    const found = Object.hasOwn(connections, name) ? connections[name]! : null
    if (found === null || found.kind !== kind) return null
    if (found.tenants !== undefined && !found.tenants.includes(tenant)) return null
    return (await filledIn(found as unknown as Json, name, tenant, secrets)) as unknown as ConnectionOf<typeof kind>
  }
  return {
    find,
    require: async (kind, name, tenant) => {
      const found = await find(kind, name ?? kind, tenant)
      if (found !== null) return found
      const asked =
        name === undefined ? `none is named, and none is called '${kind}'` : `'${name.slice(0, 80)}' is none`
      throw new BlockError(
        'UNKNOWN_CONNECTION',
        `expected the name of a ${kind} connection of tenant '${tenant}'; ${asked}`,
      )
    },
  }
}

async function filledIn(settings: Json, connection: string, tenant: TenantId, secrets: SecretSource): Promise<Json> {
  const values = new Map<string, string>()
  for (const name of secretNames(settings)) {
    const value = await secrets(tenant, name)
    if (value === null) {
      throw new BlockError(
        'UNKNOWN_CONNECTION',
        `the connection '${connection}' needs the secret '${name}', which does not exist`,
      )
    }
    values.set(name, value)
  }
  return values.size === 0 ? settings : resolveSecrets(settings, (name) => values.get(name)!)
}
