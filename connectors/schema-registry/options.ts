import type { Environment } from '../../topology/environment.ts'
import type { Log } from '../../topology/log/port.ts'

interface CommonOptions {
  readonly environment: Environment
  /** In front of the short name of every topic, e.g. `beamline.`; part of the subjects. */
  readonly topicPrefix: string
  /** Told in words what goes wrong and is tried again, at most once in 10 seconds. */
  readonly onProblem?: (message: string) => void
}

/** The registry of our own: schemas are kept in `control`, the gateway serves them (`gateway/schema-registry/`). */
export interface BuiltInRegistryOptions extends CommonOptions {
  readonly kind: 'built-in'
  /** The log itself, not the one that `withSchemaRegistry` made of it. */
  readonly log: Log
  /** Whether `start` registers our schemas: true in processes with a gateway. Default true. */
  readonly registerOwn?: boolean
}

/** Any registry with the interface of Confluent's (Karapace, Apicurio in its compatibility mode). For the Kafka log only. */
export interface ExternalRegistryOptions extends CommonOptions {
  readonly kind: 'external'
  /** `http(s)://host:port[/path]`, without credentials. */
  readonly url: string
  /** Basic authentication. */
  readonly username?: string
  readonly password?: string
  /** For `https`; PEM texts. */
  readonly tls?: RegistryTls
  /** A request without an answer for so long has failed. 100..60,000; default 5,000. */
  readonly timeoutMs?: number
}

export interface RegistryTls {
  /** Trusted instead of the system's certificate authorities. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly passphrase?: string
  /** Default true. */
  readonly rejectUnauthorized?: boolean
}

export type SchemaRegistryOptions = BuiltInRegistryOptions | ExternalRegistryOptions
