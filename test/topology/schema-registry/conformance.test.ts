import { realEnvironment } from '../../../connectors/environment.ts'
import { schemaIdOf } from '../../../schemas/codec/wire.ts'
import { RECORDS } from '../../../schemas/records/index.ts'
import type { Log } from '../../../topology/log/port.ts'
import type { SchemaRegistry } from '../../../topology/schema-registry/port.ts'
import { withSchemaRegistry } from '../../../topology/schema-registry/translating-log.ts'
import type { LogHarness } from '../../conformance/log/harness.ts'
import { logConformance } from '../../conformance/log/log-conformance.ts'
import { embeddedHarness } from '../../connectors/log-embedded/harness.ts'
import { askedRegistry } from './support.ts'

async function behind(registry: SchemaRegistry): Promise<LogHarness> {
  const harness = await embeddedHarness()
  const inner = new Map<Log, Log>()
  return {
    ...harness,
    async open() {
      const opened = await harness.open()
      const log = withSchemaRegistry(opened, registry, realEnvironment)
      inner.set(log, opened)
      return log
    },
    crash: (log) => harness.crash(inner.get(log)!),
  }
}

const table = new Map(Object.values(RECORDS).map(({ kind }, index) => [schemaIdOf(kind), index + 1]))

logConformance('behind a schema registry with our ids', () => behind(askedRegistry()))
logConformance('behind a schema registry with ids of its own', () => behind(askedRegistry(table)))
