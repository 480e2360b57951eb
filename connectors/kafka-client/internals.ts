/**
 * What we use of kafkajs beneath its public surface, typed. The package has no `exports` map, so these files can be asked for; `patches.ts` refuses any
 * version but the one they were read in.
 */
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

/** One request and its response as kafkajs describes them. */
export interface KafkajsProtocol {
  readonly request: {
    readonly apiKey: number
    readonly apiVersion: number
    readonly apiName: string
    encode(): Promise<{ readonly buffer: Buffer }>
  }
  readonly response: {
    decode(payload: Buffer): Promise<unknown>
    parse(decoded: unknown): Promise<unknown>
  }
}

export interface SilentLogger {
  info(): void
  warn(): void
  error(): void
  debug(): void
  namespace(): SilentLogger
}

export const silentLogger: SilentLogger = {
  info() {},
  warn() {},
  error() {},
  debug() {},
  namespace: () => silentLogger,
}

/** What kafkajs wants of a connection to authenticate it. */
export interface AuthenticatedConnection {
  readonly host: string
  readonly port: number
  readonly sasl: { mechanism: string; username: string; password: string }
  send(protocol: KafkajsProtocol): Promise<unknown>
}

interface SaslAuthenticator {
  /** Milliseconds as decimal digits; `0`: for ever. */
  readonly sessionLifetime: string | number
  authenticate(): Promise<void>
}

type SaslAuthenticatorClass = new (
  connection: AuthenticatedConnection,
  logger: SilentLogger,
  versions: Readonly<Record<number, { readonly minVersion: number; readonly maxVersion: number }>>,
  supportAuthenticationProtocol: boolean,
) => SaslAuthenticator

export interface KafkajsErrorCode {
  readonly type: string
  readonly code: number
  readonly retriable: boolean
  readonly message: string
}

export interface ZstdCodec {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>
  decompress(buffer: Buffer): Promise<Buffer>
}

/** Loads a file of kafkajs by its path in the package. */
function load<T>(path: string): T {
  return require(`kafkajs/${path}`) as T
}

export const kafkajsVersion = (): string => load<{ version: string }>('package.json').version

export const saslAuthenticatorClass = (): SaslAuthenticatorClass => load('src/broker/saslAuthenticator')

export const kafkajsErrors = (): { readonly errorCodes: KafkajsErrorCode[] } => load('src/protocol/error')

export const compressionCodecs = (): { Codecs: Record<number, () => ZstdCodec> } =>
  load('src/protocol/message/compression')

export const requestQueueClass = (): {
  prototype: {
    throttledUntil: number
    throttleCheckTimeoutId: unknown
    pending: readonly unknown[]
    scheduleCheckPendingRequests(): void
  }
} => load('src/network/requestQueue')
