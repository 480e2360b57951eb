import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { realEnvironment } from '../../../connectors/environment.ts'
import { type EmbeddedLog, openEmbeddedLog } from '../../../connectors/log-embedded/embedded-log.ts'
import type { EmbeddedLogOptions } from '../../../connectors/log-embedded/options.ts'
import type { LogWriter } from '../../../connectors/log-embedded/sequencer.ts'
import { LogError } from '../../../topology/log/port.ts'
import { type LogFaults, type LogHarness, PARTITIONS } from '../../conformance/log/harness.ts'

export async function temporaryFolder(): Promise<{ readonly folder: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'beamline-log-'))
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) }
}

/** A harness on a folder of its own; `options` go to every log it opens. */
export async function embeddedHarness(options: Partial<EmbeddedLogOptions> = {}): Promise<LogHarness> {
  const { folder, remove } = await temporaryFolder()
  const faults = writerFaults()
  return {
    open() {
      faults.reset()
      const { interpose } = faults
      return openEmbeddedLog({ folder, partitions: PARTITIONS, environment: realEnvironment, interpose, ...options })
    },
    crash: (log) => (log as EmbeddedLog).kill(),
    dispose: remove,
    faults,
  }
}

/** Stands between a log and its writer thread, and makes it slow or fail. */
function writerFaults(): LogFaults & { interpose(writer: LogWriter): LogWriter; reset(): void } {
  let held: Promise<void> | null = null
  let failing: 'before' | 'after' | null = null
  return {
    reset() {
      held = null
      failing = null
    },
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>()
      held = promise
      return resolve
    },
    failNext(when) {
      failing = when
    },
    interpose: (writer) => ({
      ...writer,
      async write(group) {
        await held
        const fails = failing
        failing = null
        if (fails !== 'before') await writer.write(group)
        if (fails !== null) throw new LogError('OUTCOME_UNKNOWN', `made to fail ${fails} the write`)
      },
    }),
  }
}
