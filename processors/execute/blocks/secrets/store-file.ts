/**
 * Secrets in one encrypted file.
 *
 *     { "version": 1, "salt": base64, "nonce": base64, "tag": base64, "data": base64 }
 *
 * `data` is JSON `{ "*": {name: value}, "<tenant>": {name: value} }` under AES-256-GCM; its key is derived from the pass phrase by scrypt
 * (N 2^15, r 8, p 1) and the salt.
 */
import { createCipheriv, createDecipheriv, scryptSync } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import type { SecretSource } from './source.ts'

export interface StoredSecrets {
  /** By tenant, then name; `*` for every tenant. */
  readonly [tenant: string]: { readonly [name: string]: string }
}

interface Sealed {
  readonly version: number
  readonly salt: string
  readonly nonce: string
  readonly tag: string
  readonly data: string
}

const SCRYPT = { N: 1 << 15, r: 8, p: 1, maxmem: 64 << 20 }
const SALT_BYTES = 16
const NONCE_BYTES = 12

/** `random` fills salt and nonce; each seal needs new bytes (28 of them). */
export function sealSecrets(secrets: StoredSecrets, passPhrase: string, random: Uint8Array): string {
  const salt = random.subarray(0, SALT_BYTES)
  const nonce = random.subarray(SALT_BYTES, SALT_BYTES + NONCE_BYTES)
  if (nonce.length < NONCE_BYTES) throw new RangeError(`found ${random.length} random bytes; expected 28`)
  const cipher = createCipheriv('aes-256-gcm', scryptSync(passPhrase, salt, 32, SCRYPT), nonce)
  const data = Buffer.concat([cipher.update(JSON.stringify(secrets)), cipher.final()])
  const sealed: Sealed = {
    version: 1,
    salt: Buffer.from(salt).toString('base64'),
    nonce: Buffer.from(nonce).toString('base64'),
    tag: cipher.getAuthTag().toString('base64'),
    data: data.toString('base64'),
  }
  return `${JSON.stringify(sealed)}\n`
}

/** @throws {Error} without any of the content when the key is wrong or the file was changed. */
export function unsealSecrets(text: string, passPhrase: string): StoredSecrets {
  try {
    const sealed = JSON.parse(text) as Sealed
    const key = scryptSync(passPhrase, Buffer.from(sealed.salt, 'base64'), 32, SCRYPT)
    const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(sealed.nonce, 'base64'), { authTagLength: 16 })
    decipher.setAuthTag(Buffer.from(sealed.tag, 'base64'))
    const data = Buffer.concat([decipher.update(Buffer.from(sealed.data, 'base64')), decipher.final()])
    return JSON.parse(data.toString('utf8')) as StoredSecrets
  } catch {
    throw new Error('the file of secrets cannot be opened: the key is wrong, or it is no file of secrets')
  }
}

/** Reads the file at the first need, and again when it has changed. */
export function openStoreFile(file: string, passPhrase: string): SecretSource {
  let seen = Number.NaN
  let secrets: StoredSecrets = {}
  return async (tenant, name) => {
    const { mtimeMs } = await stat(file)
    if (mtimeMs !== seen) {
      secrets = unsealSecrets(await readFile(file, 'utf8'), passPhrase)
      seen = mtimeMs
    }
    return own(secrets[tenant], name) ?? own(secrets['*'], name)
  }
}

function own(names: StoredSecrets[string] | undefined, name: string): string | null {
  return names !== undefined && Object.hasOwn(names, name) ? names[name]! : null
}
