/** Secrets are given by reference; the value is looked up when it is used, and is never part of a configuration that is shown. */
import { settingKind } from './setting.ts'

/** Where a secret is: a file, a variable of the environment, or (in the environment only) the variable that set it. */
export type Secret =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'plain'; readonly value: string }

export interface SecretSources {
  readonly variables: { readonly [name: string]: string | undefined }
  /** @throws {Error} if the file cannot be read */
  readonly readFile: (path: string) => string
}

/** The secret itself, without the line end that files have. @throws {Error} in words that do not hold it */
export function resolveSecret(secret: Secret, sources: SecretSources): string {
  switch (secret.kind) {
    case 'plain':
      return secret.value
    case 'env': {
      const value = sources.variables[secret.name]
      if (value === undefined || value === '') {
        throw new Error(`a secret is read from the variable ${secret.name}, which is not set`)
      }
      return value
    }
    case 'file':
      return read(secret.path, sources).replace(/\r?\n$/, '')
  }
}

function read(path: string, { readFile }: SecretSources): string {
  try {
    return readFile(path)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new Error(`a secret is read from ${path}, which cannot be read: ${code ?? message}`)
  }
}

/** How it is shown. */
export function secretText(secret: Secret): string {
  switch (secret.kind) {
    case 'plain':
      return '(secret)'
    case 'env':
      return `env:${secret.name}`
    case 'file':
      return `file:${secret.path}`
  }
}

const REFERENCE = '`file:/path` or `env:NAME`'

/** What text of the environment becomes: there a secret may stand as it is. Cannot be written in a document. */
export const PLAIN = '\u0000plain:'

function reference(found: unknown): Secret | null {
  if (typeof found !== 'string') return null
  if (found.startsWith(PLAIN)) return { kind: 'plain', value: found.slice(PLAIN.length) }
  const [, kind, rest = ''] = /^(file|env):(.+)$/s.exec(found) ?? []
  if (kind === 'file') return { kind: 'file', path: rest }
  return kind === 'env' && /^[A-Za-z_][A-Za-z0-9_]*$/.test(rest) ? { kind: 'env', name: rest } : null
}

const EXPECTED = 'a reference to the secret: file:/path or env:NAME'

export const secret = settingKind<Secret>({
  type: `secret: ${REFERENCE}`,
  secret: true,
  read: (found) => {
    const value = reference(found)
    return value === null ? { expected: EXPECTED } : { value }
  },
  fromText: (text) => text,
  show: secretText,
})

/** An address that may hold a password; one that does is given by reference. */
export const secretUrl = (protocols: readonly string[]) =>
  settingKind<Secret>({
    type: `address, or ${REFERENCE} if it holds a password`,
    secret: true,
    read: (found) => {
      const expected = `an address such as ${protocols[0]}//host/name, or file:/path or env:NAME if it holds a password`
      const referred = reference(found)
      const address = referred === null ? found : referred.kind === 'plain' ? referred.value : null
      if (address === null && referred !== null) return { value: referred }
      if (typeof address !== 'string' || !URL.canParse(address)) return { expected }
      const { protocol, password } = new URL(address)
      if (!protocols.includes(protocol) || (password !== '' && referred === null)) return { expected }
      return { value: { kind: 'plain', value: address } }
    },
    fromText: (text) => text,
    show: (value) => (value.kind === 'plain' ? withoutPassword(value.value) : secretText(value)),
  })

function withoutPassword(address: string): string {
  const url = new URL(address)
  if (url.password !== '') url.password = '***'
  return url.href
}
