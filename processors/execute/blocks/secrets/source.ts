/** Where secrets come from: a folder of files, variables of the process, an encrypted file. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TenantId } from '../../../../schemas/ids.ts'
import { openStoreFile } from './store-file.ts'

export interface SecretSettings {
  /** Folder with a file per secret: `<folder>/<name>` for every tenant, `<folder>/<tenant>/<name>` for one, which wins. One line break at the end is left out. */
  readonly folder?: string | null
  /** Variables by name of secret, for every tenant; see {@link secretsOfEnvironment}. */
  readonly values?: { readonly [name: string]: string }
  /** An encrypted file of secrets and the key to it. */
  readonly store?: { readonly file: string; readonly key: string } | null
}

/** Looks a secret up; `null` if there is none of that name for the tenant. */
export type SecretSource = (tenant: TenantId, name: string) => Promise<string | null>

export const SECRET_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,126}$/
const VARIABLE_PREFIX = 'BEAMLINE_SECRET_'
const FILE_MAX_BYTES = 65_536

/** `BEAMLINE_SECRET_ORDERS_TOKEN` is the secret `orders-token`. */
export function secretsOfEnvironment(variables: { readonly [name: string]: string | undefined }): {
  readonly [name: string]: string
} {
  const found: [string, string][] = []
  for (const [variable, value] of Object.entries(variables)) {
    if (!variable.startsWith(VARIABLE_PREFIX) || value === undefined || value === '') continue
    found.push([variable.slice(VARIABLE_PREFIX.length).toLowerCase().replaceAll('_', '-'), value])
  }
  return Object.fromEntries(found)
}

/** The tenant's file, then that of all tenants, then the encrypted store, then variables. Files are read anew for each step. */
export function createSecretSource(settings: SecretSettings = {}): SecretSource {
  const values = new Map(Object.entries(settings.values ?? {}))
  const { folder = null } = settings
  const store = settings.store == null ? null : openStoreFile(settings.store.file, settings.store.key)
  return async (tenant, name) => {
    if (!SECRET_NAME.test(name)) return null
    if (folder !== null) {
      const own = (await secretFile(join(folder, tenant, name))) ?? (await secretFile(join(folder, name)))
      if (own !== null) return own
    }
    return (await store?.(tenant, name)) ?? values.get(name) ?? null
  }
}

async function secretFile(file: string): Promise<string | null> {
  try {
    const bytes = await readFile(file)
    if (bytes.length > FILE_MAX_BYTES) return null
    return bytes.toString('utf8').replace(/\r?\n$/, '')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return null
    throw error
  }
}
