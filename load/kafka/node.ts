import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { access, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { javaCommand } from './jars.ts'
import { runCommand } from './run-command.ts'
import { type NodeSettings, nodeProperties } from './settings.ts'
import type { Warden } from './warden.ts'

export interface NodeProcess {
  readonly pid: number
  /** Resolves once the broker serves. @throws with the end of its log if it dies or takes longer than a minute */
  ready(): Promise<void>
  signal(signal: NodeJS.Signals): void
  readonly ended: Promise<void>
}

const LOG_LEVELS = [
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  '-Dorg.slf4j.simpleLogger.showDateTime=true',
  '-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS',
  '-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info',
]
const READY_WITHIN_MS = 180_000

/** Formats the node's storage if it is new. */
export async function formatNode(settings: NodeSettings, jars: string, clusterId: string): Promise<void> {
  const file = join(settings.folder, 'server.properties')
  await mkdir(settings.folder, { recursive: true })
  await writeFile(file, nodeProperties(settings))
  if (await exists(join(settings.folder, 'log', 'meta.properties'))) return
  const scram = settings.sasl !== null && settings.sasl.mechanism !== 'PLAIN' ? settings.sasl : null
  const users = Object.entries(scram?.users ?? {}).flatMap(([name, password]) => [
    '--add-scram',
    `${scram?.mechanism}=[name=${name},password=${password}]`,
  ])
  const args = ['format', '-t', clusterId, '-c', file, ...users]
  const { code, stdout, stderr } = await java(jars, 'kafka.tools.StorageTool', args)
  if (code !== 0) throw new Error(`the storage of node ${settings.node} could not be formatted:\n${stdout}${stderr}`)
}

/** What the JVM is given. */
export interface NodeMemory {
  readonly heap: string
  /** `small`: least memory and threads. `server`: what Kafka's own start script asks for, with pauses a third as long. */
  readonly collector: 'small' | 'server'
}

const COLLECTORS = {
  small: ['-XX:+UseSerialGC'],
  server: ['-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20', '-XX:InitiatingHeapOccupancyPercent=35'],
} as const

export function startNode(settings: NodeSettings, jars: string, memory: NodeMemory, warden: Warden): NodeProcess {
  const logFile = join(settings.folder, 'broker.log')
  const log = openSync(logFile, 'w')
  const { heap, collector } = memory
  const flags = [`-Xms${heap}`, `-Xmx${heap}`, ...COLLECTORS[collector], '-XX:+ExitOnOutOfMemoryError']
  const main = ['kafka.Kafka', join(settings.folder, 'server.properties')]
  const child = spawn(javaCommand(), [...flags, '-cp', `${jars}/*`, ...LOG_LEVELS, ...main], {
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  child.unref()
  const pid = child.pid
  if (pid === undefined)
    throw new Error(`node ${settings.node} could not be started: \`${javaCommand()}\` was not found`)
  warden.watch(pid)
  const ended = once(child, 'exit').then(() => warden.forget(pid))
  return {
    pid,
    ready: () => ready(settings.node, child, logFile),
    signal(signal) {
      // whoever ends it waits for the end
      child.ref()
      child.kill(signal)
    },
    ended,
  }
}

/** Runs a class of the jars to its end. */
export function java(
  jars: string,
  className: string,
  args: readonly string[],
  options?: Parameters<typeof runCommand>[2],
): ReturnType<typeof runCommand> {
  const memory = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
  return runCommand(javaCommand(), [...memory, '-cp', `${jars}/*`, ...LOG_LEVELS, className, ...args], options)
}

async function ready(node: number, child: ChildProcess, logFile: string): Promise<void> {
  const began = performance.now()
  for (;;) {
    const log = await readFile(logFile, 'utf8')
    if (log.includes('Kafka Server started')) return
    const dead = child.exitCode !== null || child.signalCode !== null
    if (dead || performance.now() - began > READY_WITHIN_MS) {
      const what = dead ? 'has died' : `did not serve within ${READY_WITHIN_MS} ms`
      throw new Error(`node ${node} of the Kafka cluster ${what}:\n${log.slice(-4000)}`)
    }
    await pause(30)
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
