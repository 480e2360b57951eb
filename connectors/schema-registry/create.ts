/**
 * The one way in for who opens the log:
 *
 *     const registry = createSchemaRegistry({ kind: 'built-in', log: kafkaLog, environment, topicPrefix: 'beamline.' })
 *     const log = withSchemaRegistry(kafkaLog, registry, environment)        // topology/schema-registry/translating-log.ts; all parts use this one
 *     const gateway = createGateway({ log, ... })
 *     if (registry.subjects !== null) registerSchemaRegistry(gateway.app, registry.subjects)   // gateway/schema-registry/routes.ts; before listen
 *     await registry.start()       // rejects with SchemaRegistryError when it cannot work; until then log.health() says why it is not ready
 *     ...
 *     await registry.close()       // before the log
 */
import type { SchemaRegistry, SubjectStore } from '../../topology/schema-registry/port.ts'
import { BuiltInRegistry } from './built-in.ts'
import { ExternalRegistry } from './external.ts'
import type { SchemaRegistryOptions } from './options.ts'

export interface SchemaRegistryHandle extends SchemaRegistry {
  /** What the gateway serves; `null` when the registry is another server. */
  readonly subjects: SubjectStore | null
}

export function createSchemaRegistry(options: SchemaRegistryOptions): SchemaRegistryHandle {
  return options.kind === 'built-in' ? new BuiltInRegistry(options) : new ExternalRegistry(options)
}
