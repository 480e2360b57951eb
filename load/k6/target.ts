/** What a load test is aimed at, if it is not there already: a Beamline of its own, on the embedded log or on a Kafka of its own. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AS_SERVER, type KafkaCluster, startKafka } from '../kafka/cluster.ts'
import { BeamlineProcess } from '../process/beamline-process.ts'
import { freePort } from '../process/free-ports.ts'

export interface Target {
  readonly url: string
  /** Of all processes that are looked at. */
  readonly processes: readonly string[]
  /** Settings that the scripts need to find what lies behind it. */
  readonly settings: { readonly [name: string]: string }
  /** In words, for the report. */
  readonly what: string
  /** The last that it wrote. */
  readonly output: () => string
  close(): Promise<void>
}

export interface TargetOptions {
  readonly log: 'embedded' | 'kafka'
  /** Of each process, on Kafka; of one of them `gateway` and `read-model` are among them. Empty: one process with all. */
  readonly roles: readonly string[]
  /** How far processes without a gateway, and the thread of the read model, leave the cores to the others, 0..19; `null`: not at all. */
  readonly nice: number | null
}

/** A folder and processes that are gone once it is closed. */
export async function startTarget({ log, roles, nice }: TargetOptions): Promise<Target> {
  const folder = mkdtempSync(join(tmpdir(), 'beamline-load-'))
  let kafka: KafkaCluster | null = null
  const started: BeamlineProcess[] = []
  const close = async (): Promise<void> => {
    await Promise.all(started.filter(({ running }) => running).map((each) => each.stop()))
    await kafka?.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    if (log === 'kafka') kafka = await startKafka(AS_SERVER)
    const brokers = kafka?.bootstrap.join(',') ?? ''
    const env = {
      ...(kafka === null ? {} : { BEAMLINE_LOG: 'kafka', BEAMLINE_KAFKA_BROKERS: brokers }),
      ...(nice === null ? {} : { BEAMLINE_READ_MODEL_NICE: String(nice) }),
    }
    for (const [number, of] of (roles.length === 0 ? [null] : roles).entries()) {
      const port = await freePort()
      const place = { dataFolder: join(folder, `data-${number}`), port, readyWithinMs: 120_000 }
      const givesWay = nice !== null && of !== null && !hasGateway(of)
      const options = { ...place, env: { ...env, ...rolesOf(of, port) }, ...(givesWay ? { nice } : {}) }
      started.push(await BeamlineProcess.start(options))
    }
    const processes = started.map(({ url }) => url)
    const gateway = Math.max(0, roles.findIndex(hasGateway))
    const gives = nice === null ? '' : `, nice ${nice}`
    const who =
      roles.length === 0 ? `a process of its own${gives}` : `processes of its own (${roles.join(' | ')}${gives})`
    return {
      url: processes[gateway]!,
      processes,
      settings: kafka === null ? {} : { BROKERS: brokers },
      what: kafka === null ? `${who}, embedded log` : `${who}, Kafka ${kafka.version}, 1 broker`,
      output: () => started.map(({ output }) => output).join('\n'),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Whether a process with these roles answers requests. */
export const hasGateway = (roles: string): boolean => roles.split(',').includes('gateway')

/** Where there is no gateway, the port tells of health. */
function rolesOf(roles: string | null, port: number): NodeJS.ProcessEnv {
  if (roles === null) return {}
  return { BEAMLINE_ROLES: roles, ...(hasGateway(roles) ? {} : { BEAMLINE_HEALTH_PORT: String(port) }) }
}
