/** The processes of the deployment, each with its own roles, folder and client id; killed, frozen and started again by the scenarios. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { BeamlineProcess } from '../process/beamline-process.ts'
import { freePort, freePorts } from '../process/free-ports.ts'

export interface FleetOptions {
  readonly folder: string
  readonly brokers: readonly string[]
  readonly prefix: string
  readonly partitions: number
}

export interface Member {
  readonly name: string
  readonly roles: string
  readonly folder: string
  readonly port: number
  readonly url: string
  /** Preloaded into the process at its next start. */
  preload: string | null
  process: BeamlineProcess
  /** Ended on purpose, not to be counted as fallen. */
  expected: boolean
}

const STOPPED_WHILE_STARTING = 130
const READY_WITHIN_MS = 120_000
/** What the fleet is made of. */
export const ROSTER = [
  ['tasks-1', 'tasks'],
  ['tasks-2', 'tasks'],
  ['execute-1', 'execute:io,execute:cpu'],
  ['execute-2', 'execute:io,execute:cpu'],
  ['gateway-1', 'gateway,read-model'],
  ['gateway-2', 'gateway,read-model'],
] as const

export class Fleet {
  readonly members: Member[] = []
  /** What processes that ended by themselves had said last. */
  readonly fallen: string[] = []
  readonly #options: FleetOptions

  constructor(options: FleetOptions) {
    this.#options = options
  }

  async start(roster: readonly (readonly [name: string, roles: string])[] = ROSTER): Promise<void> {
    const ports = await freePorts(roster.length)
    for (const [index, [name, roles]] of roster.entries()) this.#add(name, roles, ports[index]!)
    await Promise.all(this.members.map((member) => this.ready(member)))
  }

  get gateways(): readonly Member[] {
    return this.members.filter(({ roles }) => roles.startsWith('gateway'))
  }

  of(kind: 'tasks' | 'execute' | 'gateway'): readonly Member[] {
    return this.members.filter(({ name }) => name.startsWith(kind))
  }

  /** A process more; not waited for. */
  async join(name: string, roles: string): Promise<Member> {
    return this.#add(name, roles, await freePort())
  }

  /** Ends it orderly and strikes it off. Answers what was wrong about its end. */
  async leave(member: Member): Promise<string | null> {
    const wrong = await this.stop(member)
    this.members.splice(this.members.indexOf(member), 1)
    return wrong
  }

  async kill(member: Member): Promise<void> {
    member.expected = true
    await member.process.kill()
  }

  /** Orderly. Answers what was wrong about its end: nothing if it was stopped before it had well begun. */
  async stop(member: Member): Promise<string | null> {
    member.expected = true
    const code = await member.process.stop()
    const { signalCode } = member.process.child
    if (code === 0 || code === STOPPED_WHILE_STARTING || signalCode === 'SIGTERM') return null
    return `${member.name} ended with ${signalCode ?? `exit code ${code}`} after SIGTERM:\n${member.process.output.slice(-1_000)}`
  }

  restart(member: Member): void {
    if (member.process.running) return
    member.process = this.#spawn(member)
    member.expected = false
  }

  /** @throws with what it waits for and its output if it takes too long */
  async ready(member: Member, withinMs = READY_WITHIN_MS): Promise<void> {
    const until = performance.now() + withinMs
    while (!(await member.process.isReady())) {
      if (member.expected) return
      if (performance.now() > until) {
        const reason = await this.reason(member)
        throw new Error(`${member.name} is not ready after ${withinMs} ms (${reason}):\n${member.process.output}`)
      }
      await pause(50)
    }
  }

  /** What it waits for, as it says itself. */
  async reason(member: Member): Promise<string> {
    try {
      const response = await fetch(`${member.url}/readyz`, { signal: AbortSignal.timeout(3_000) })
      return await response.text()
    } catch (error) {
      return `no answer: ${(error as Error).message}`
    }
  }

  /** Everybody that is not running is started; resolves once all are ready. */
  async heal(): Promise<void> {
    for (const member of this.members) this.restart(member)
    await Promise.all(this.members.map((member) => this.ready(member)))
  }

  /** Orderly. Answers who did not end well. */
  async stopAll(members: readonly Member[] = this.members): Promise<readonly string[]> {
    const unclean: string[] = []
    await Promise.all(
      members.map(async (member) => {
        if (!member.process.running) return
        const wrong = await this.stop(member)
        if (wrong !== null) unclean.push(wrong)
      }),
    )
    return unclean
  }

  async killAll(): Promise<void> {
    await Promise.all(this.members.map((member) => (member.process.running ? this.kill(member) : undefined)))
  }

  #add(name: string, roles: string, port: number): Member {
    const folder = join(this.#options.folder, name)
    mkdirSync(folder, { recursive: true })
    const identity = { name, roles, folder, port, url: `http://127.0.0.1:${port}`, preload: null, expected: false }
    const member: Member = { ...identity, process: this.#spawn(identity) }
    this.members.push(member)
    return member
  }

  #spawn(member: Omit<Member, 'process'>): BeamlineProcess {
    const { brokers, prefix, partitions } = this.#options
    const { name, roles, folder, port, preload } = member
    const report = `--report-on-signal --report-signal=SIGUSR2 --report-directory=${folder}`
    const process = BeamlineProcess.spawn({
      dataFolder: folder,
      port,
      outputFile: join(folder, 'output.log'),
      env: {
        NODE_OPTIONS: preload === null ? report : `${report} --import ${pathToFileURL(preload).href}`,
        BEAMLINE_LOG: 'kafka',
        BEAMLINE_LOG_LEVEL: 'warn',
        BEAMLINE_KAFKA_BROKERS: brokers.join(','),
        BEAMLINE_KAFKA_PREFIX: prefix,
        BEAMLINE_KAFKA_CLIENT_ID: name,
        BEAMLINE_PARTITIONS: String(partitions),
        BEAMLINE_ROLES: roles,
        CHAOS_CLOCK: join(folder, 'clock'),
        ...(roles.startsWith('gateway') ? {} : { BEAMLINE_HEALTH_PORT: String(port) }),
      },
    })
    void process.exited.then((code) => {
      const now = this.members.find((each) => each.name === name)
      if (now?.process !== process || now.expected) return
      this.fallen.push(`${name} ended by itself with exit code ${code}:\n${process.output.slice(-2_000)}`)
    })
    return process
  }
}
