/** What a load test is aimed at, if it is not there already: a Beamline of its own, on the embedded log or on a Kafka of its own. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AS_SERVER, type KafkaCluster, startKafka } from '../kafka/cluster.ts'
import { BeamlineProcess } from '../process/beamline-process.ts'
import { freePort } from '../process/free-ports.ts'

export interface Target {
  readonly url: string
  /** Settings that the scripts need to find what lies behind it. */
  readonly settings: { readonly [name: string]: string }
  /** In words, for the report. */
  readonly what: string
  /** The last that it wrote. */
  readonly output: () => string
  close(): Promise<void>
}

/** A folder and processes that are gone once it is closed. */
export async function startTarget(log: 'embedded' | 'kafka'): Promise<Target> {
  const folder = mkdtempSync(join(tmpdir(), 'beamline-load-'))
  let kafka: KafkaCluster | null = null
  let beamline: BeamlineProcess | null = null
  const close = async (): Promise<void> => {
    if (beamline?.running === true) await beamline.stop()
    await kafka?.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    if (log === 'kafka') kafka = await startKafka(AS_SERVER)
    const brokers = kafka?.bootstrap.join(',') ?? ''
    const env = kafka === null ? {} : { BEAMLINE_LOG: 'kafka', BEAMLINE_KAFKA_BROKERS: brokers }
    const port = await freePort()
    beamline = await BeamlineProcess.start({ dataFolder: join(folder, 'data'), port, env, readyWithinMs: 120_000 })
    const { url } = beamline
    const what =
      kafka === null ? 'a process of its own, embedded log' : `a process of its own, Kafka ${kafka.version}, 1 broker`
    const process = beamline
    return { url, settings: kafka === null ? {} : { BROKERS: brokers }, what, output: () => process.output, close }
  } catch (error) {
    await close()
    throw error
  }
}
